@echo off
rem ActStock on Windows, with Docker Desktop: start.bat, start.bat --run, start.bat demo, start.bat stop. The rest is `docker compose ...`.
setlocal
cd /d "%~dp0"
if "%~1"=="stop" (
    docker compose --profile "*" down --remove-orphans
    exit /b
)
set market=yahoo
if "%~1"=="demo" set market=demo
if not "%~1"=="" if not "%~1"=="demo" if not "%~1"=="--run" (
    echo start: expected nothing, --run, demo or stop, found %* 1>&2
    exit /b 2
)

docker build --tag actstock-jobs . || exit /b 1
docker build --tag actstock-airflow --file Dockerfile.airflow . || exit /b 1
docker build --tag actstock-api --file Dockerfile.api . || exit /b 1

rem The market's folder below var, with ports and random secrets in its .env.
if not exist var mkdir var
docker run --rm --env ACTSTOCK_MODE= --env ACTSTOCK_DATA=/markets --env "ACTSTOCK_PLACE=%cd%" --volume "%cd%\var:/markets" ^
    actstock-jobs python -m utils.stack.containers prepare %* || exit /b 1
copy /y "var\%market%\.env" .env >nul || exit /b 1

docker compose up --detach --wait --wait-timeout 600 --remove-orphans || exit /b 1
docker compose run --rm --no-deps tools python -m utils.stack.containers finish %*
