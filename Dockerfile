# The gateway in a container: `docker build -t elizanet .`, then see docs/deploy.md.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /source
COPY requirements/build.txt requirements/container.txt requirements/
RUN python3 -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && python3 -m venv --without-pip /opt/elizanet \
    && /build/bin/pip --python /opt/elizanet/bin/python \
        install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements/container.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
    && /build/bin/pip --python /opt/elizanet/bin/python install --no-cache-dir --no-deps dist/*.whl \
    && /opt/elizanet/bin/python -m compileall -q /opt/elizanet/lib

FROM ${PYTHON}
# Nothing is installed in a running container.
RUN rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip \
    /usr/local/bin/pip*
COPY --from=build /opt/elizanet /opt/elizanet
# The records are kept here: give it a volume that outlives the container.
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/elizanet
VOLUME /var/lib/elizanet
ENV PATH=/opt/elizanet/bin:$PATH ELIZANET_DB=sqlite:////var/lib/elizanet/elizanet.db
# elizanet.toml is looked for here: mount it, read only.
WORKDIR /etc/elizanet
USER 10001:10001
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["python3", "-c", "\
from http.client import HTTPConnection as C; c = C('127.0.0.1', 8787, timeout=2); \
c.request('GET', '/live'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["elizanet"]
# The host and the port of the file do not count in a container: -p says where it is reached.
CMD ["serve", "--host", "0.0.0.0", "--port", "8787"]
