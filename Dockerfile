# Vifex with its core dependencies, on the CPU.
#
#   docker build --tag vifex .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" vifex extract photos --output lib.vifex
#
# The folder that is mounted at /data is the working folder. Nothing is fetched while it runs.

FROM python:3.13-slim-trixie AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY LICENSES LICENSES
COPY src src
RUN python -m venv /opt/vifex \
    && /opt/vifex/bin/python -m pip install --no-cache-dir .

FROM python:3.13-slim-trixie
COPY --from=build /opt/vifex /opt/vifex
# The cache of compiled networks. Mount a volume there to keep it.
ENV PATH=/opt/vifex/bin:$PATH \
    VIFEX_CACHE=/cache
RUN mkdir --mode=1777 /cache /data
WORKDIR /data
USER 1000:1000
ENTRYPOINT ["vifex"]
CMD ["--help"]
