# One image for workers and dashboard of compose.yaml; Linux, Python 3.12.
FROM python:3.12-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git make bubblewrap && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/rollmill
COPY . .
RUN pip install --no-cache-dir -r requirements-dashboard.txt -c requirements-dev.txt "psycopg[binary]" s3fs dvc-s3 prefect-ray ray \
    && pip install --no-cache-dir --no-deps --no-build-isolation -e . -e ./methods/proofs -e ./methods/reasoning
WORKDIR /workspace
ENTRYPOINT ["rollmill"]
