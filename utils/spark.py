"""The Spark session and its way to PostgreSQL, in one place. DataFrame API only, so that a cluster will do, too.

A job is mostly start-up, even one over ten years: the UI is off, the JVM compiles with C1 only (measured: C2 costs more
than it gains) and loads its classes from a class-data archive when `SPARK_CLASS_ARCHIVE` names one. A file that doesn't
exist yet is made once, by the first job that succeeds. Everything the JVM must know is decided before it starts.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyspark
from py4j.protocol import Py4JError, Py4JJavaError
from pydantic import ValidationError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.sql import DataFrame, SparkSession

from config.settings import DatabaseSettings, SparkSettings, load
from utils.program import StageFailed

log = logging.getLogger(__name__)

FETCH_ROWS = 10_000  # the driver's default, 0, reads a whole answer into memory
JVM_END_SECONDS = 5  # between what Python hears of a killed JVM and its end
SNAPSHOT = "spark.actstock.snapshot"
QUIET = Path(__file__).parent.parent / "config" / "spark-log4j2.properties"
ONE_PARTITION = "1"
# For a job over one session: compiling code, planning anew and sharing work out cost more than its few rows ever could,
# and a table of unknown size is a small one, which joins without a shuffle.
ONE_SESSION = {
    "spark.sql.shuffle.partitions": ONE_PARTITION,
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.defaultSizeInBytes": "1048576",
}
# All steps of its plan are one task, and each takes a page of memory at least: of those that Spark would choose, of
# 16 MiB, a small heap has too few.
SMALL_PAGES = {"spark.buffer.pageSize": "1m"}
# Metaspace grows past its first threshold in every job: a full collection in the middle of it, for nothing.
QUICK_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MetaspaceSize=256m", "-Xshare:auto")
QUIET_JVM = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+path=off")


def java_options(*, archive: Path | None, made: Path | None) -> str:
    """Options of the driver's JVM; `made` is an archive to write at exit."""
    options = [*QUICK_JVM, *QUIET_JVM, "-Duser.timezone=UTC", f"-Dlog4j2.configurationFile={QUIET.as_uri()}"]
    if made is not None:
        options.append(f"-XX:ArchiveClassesAtExit={made}")
    elif archive is not None:
        options.append(f"-XX:SharedArchiveFile={archive}")
    return " ".join(options)


def configuration(settings: SparkSettings, *, options: str, years_of_data: bool) -> dict[str, str]:
    """Spark's own settings."""
    here = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    # Without a limit the first job takes all cores, and the next one waits until it ends.
    share = {"spark.cores.max": str(settings.executor_cores), "spark.executor.memory": settings.executor_memory}
    small = {} if years_of_data else ONE_SESSION | SMALL_PAGES
    return (
        (here if settings.master_url.startswith("local") else share)
        | {
            "spark.driver.memory": settings.driver_memory,
            "spark.driver.extraClassPath": str(settings.jdbc_jar),
            "spark.executor.extraClassPath": str(settings.jdbc_jar),
            "spark.driver.extraJavaOptions": options,
            "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
            "spark.sql.session.timeZone": "UTC",
            # Every operator would ask the JVM four things more, to name its line in a later message.
            "spark.python.sql.dataFrameDebugging.enabled": "false",
            "spark.log.level": "ERROR",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
        }
        | small
    )


_early: ThreadPoolExecutor | None = None


@contextmanager
def early_start() -> Iterator[None]:
    """Within the block, begin_early may begin the context that spark_session will ask for; it is ended with the block.

    A JVM that was there before is left alone.
    """
    global _early  # noqa: PLW0603 - as the context: one a process
    if SparkContext._gateway is not None:
        yield
        return
    try:
        with ThreadPoolExecutor(1, "early-spark") as _early:
            yield
    finally:
        _early = None
        if SparkContext._gateway is not None:  # no session ended it
            context = SparkContext._active_spark_context
            if context is not None:
                with suppress(Py4JError, ConnectionError):  # a JVM that has gone needs no end
                    context.stop()
            _end_jvm()


def begin_early() -> None:
    """Begin the context of a job over few sessions in a thread, within early_start; elsewhere do nothing.

    The JVM takes as long to start as Python's calendars to load. What goes wrong, spark_session meets and says. On a
    cluster nothing is begun: cores would be taken by a program that still waits for its turn, or has nothing to do.
    """
    if _early is not None:
        _early.submit(_begin_context)


def _begin_context() -> None:
    try:
        settings = SparkSettings()
    except ValidationError:
        return
    if not settings.master_url.startswith("local") or not _archived(settings):
        return
    _prepare()
    options = java_options(archive=settings.class_archive, made=None)
    conf = SparkConf(loadDefaults=False).setAppName(Path(sys.argv[0]).stem).setMaster(settings.master_url)
    # The session brings the settings of its SQL; those of the context cannot be changed after it began.
    fixed = configuration(settings, options=options, years_of_data=True) | SMALL_PAGES
    conf.setAll(list(fixed.items()))
    SparkContext.getOrCreate(conf)


def _wait_for_early() -> None:
    if _early is not None:
        _early.submit(lambda: None).result()  # one thread: what was asked of it before is done then


def _archived(settings: SparkSettings) -> bool:
    return settings.class_archive is None or settings.class_archive.exists()


def _prepare() -> None:
    # It is chatty about a gateway that was told to end, or has ended; what broke is the error's.
    logging.getLogger("py4j").setLevel(logging.ERROR)
    # spark-submit would first start a Python that looks for this, and it does start a JVM that only prints the command
    # line of the second.
    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    os.environ.setdefault("SPARK_LAUNCHER_OPTS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")


@contextmanager
def spark_session(
    name: str, *, years_of_data: bool = False, snapshot: str = "", settings: SparkSettings | None = None
) -> Iterator[SparkSession]:
    """A session that ends with the block. `years_of_data`: leave Spark's optimisers on, as they pay then.
    `snapshot`: the state of the database that all its queries read, or what each of them finds.

    Raises StageFailed when no JVM starts, and for what breaks in Java within the block.
    """
    settings = settings or load(SparkSettings)
    _prepare()
    archive = settings.class_archive
    made = None
    if archive is not None and not _archived(settings):
        made = archive.with_name(f"{archive.name}.{os.getpid()}")
        made.parent.mkdir(parents=True, exist_ok=True)
    builder = SparkSession.builder.appName(name).master(settings.master_url)
    options = java_options(archive=archive, made=made)
    for key, value in configuration(settings, options=options, years_of_data=years_of_data).items():
        builder = builder.config(key, value)
    builder = builder.config(SNAPSHOT, snapshot)
    try:
        _wait_for_early()
        spark = _begun(builder)
        if _early is not None and not years_of_data:
            # Building the plan takes one core: on the other, a job of one row meets first what is slow at first.
            _early.submit(lambda: spark.range(1).toArrow())
        yield spark
        _wait_for_early()
        spark.stop()
    except BaseException as error:
        said = _java_said(error)
        # What broke it may have broken the way to the JVM, too, so it is not asked to stop first. The classes of a job
        # that broke off are too few to be worth keeping.
        _end_jvm()
        if made is not None:
            made.unlink(missing_ok=True)
        if said is not None:
            raise StageFailed(said) from None
        raise
    _end_jvm()
    if archive is not None and made is not None and made.exists():
        made.replace(archive)
        log.info("class archive made: %s", archive.name)


def _begun(builder: SparkSession.Builder) -> SparkSession:
    try:
        return builder.getOrCreate()
    except PySparkRuntimeError as error:
        java = os.environ.get("JAVA_HOME") or "the one of PATH, as JAVA_HOME is not set"
        raise StageFailed(
            f"Spark did not start, expected Java 17 or newer ({java}) and a master such as local[2] or "
            f"spark://host:7077 ({builder._options.get('spark.master')})"
        ) from error


def _java_said(error: BaseException) -> str | None:
    """What broke in Java, in one line, its trace in the log; None when it was not in Java.

    Such an error has its text from the JVM: it can be read only while that lives.
    """
    if not isinstance(error, Py4JJavaError | CapturedException):
        return _jvm_ended(error)
    log.error("broken in Java", exc_info=error)
    lines = str(error).splitlines()
    causes = [line.partition(": ")[2] for line in lines if line.startswith((": ", "Caused by: "))]
    return f"Spark: {causes[-1] if causes else lines[0]}"


def _jvm_ended(error: BaseException) -> str | None:
    gateway = SparkContext._gateway
    if isinstance(error, Py4JError | ConnectionError) and gateway is not None and gateway.proc is not None:
        with suppress(subprocess.TimeoutExpired):
            return f"Spark: its JVM ended with {gateway.proc.wait(JVM_END_SECONDS)}"
    return None


def _end_jvm() -> None:
    """Wait for the JVM to end, which it does when its input ends: it writes the class archive on its way out."""
    gateway = SparkContext._gateway
    SparkContext._gateway = SparkContext._jvm = None
    if gateway is not None and gateway.proc is not None:
        gateway.shutdown()  # what Python still frees later has nobody to tell
        gateway.proc.stdin.close()
        gateway.proc.wait()


ARROW_TYPES = {
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "double": pa.float64(),
    "int": pa.int32(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def local_frame(spark: SparkSession, rows: Sequence[Sequence[object]], schema: str) -> DataFrame:
    """A frame of a few values the driver knows; schema: `ticker string, as_of_date date, …`.

    Through Arrow it is a part of the plan, of known size; from a list, Spark would start a Python process to read it.
    """
    fields = [part.split() for part in schema.split(",")]
    cells = list(zip(*rows, strict=True)) or [()] * len(fields)
    columns = {name: pa.array(cell, ARROW_TYPES[kind]) for (name, kind), cell in zip(fields, cells, strict=True)}
    return _in_one_partition_if_small(spark, spark.createDataFrame(pa.table(columns)))


def read_query(spark: SparkSession, query: str, settings: DatabaseSettings | None = None) -> DataFrame:
    """The rows of a query, which PostgreSQL runs, with this program's role."""
    settings = settings or load(DatabaseSettings)
    reader = (
        spark.read.format("jdbc")
        .option("driver", "org.postgresql.Driver")
        .option("url", f"jdbc:postgresql://{settings.host}:{settings.port}/{settings.name}")
        .option("user", settings.user)
        .option("password", settings.password.get_secret_value())
        .option("query", query)
        .option("fetchsize", FETCH_ROWS)
    )
    if snapshot := spark.conf.get(SNAPSHOT, ""):
        joined = f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '{snapshot}'"
        reader = reader.option("sessionInitStatement", joined)
    return _in_one_partition_if_small(spark, reader.load())


def cached(frame: DataFrame) -> DataFrame:
    """The frame for several uses, computed once.

    Where Spark's optimisers are off it is brought to the driver and back, at once: it is a part of the plan then, and
    what writes and reads Spark's cache would take longer to compile than so few rows to compute.
    """
    if not _is_small(frame.sparkSession):
        return frame.cache()
    return _in_one_partition_if_small(frame.sparkSession, frame.sparkSession.createDataFrame(frame.toArrow()))


def _in_one_partition_if_small(spark: SparkSession, frame: DataFrame) -> DataFrame:
    """Of a job over one session, declared to be in one partition: what is made of such frames needs no shuffle."""
    return frame.coalesce(1) if _is_small(spark) else frame


def _is_small(spark: SparkSession) -> bool:
    return spark.conf.get("spark.sql.shuffle.partitions") == ONE_PARTITION
