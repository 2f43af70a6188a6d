"""Makes a function of handler.py in a stand-in for Lambda: python3 create.py ENDPOINT NAME MEMORY_MB

The stand-in runs it with the Python that runs the stand-in, which needs onnxruntime; MODEL names the file, the shipped model
if it is not set.
"""

import io
import os
import sys
import zipfile

import boto3

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.environ.get("MODEL", os.path.join(HERE, "../../profiles/models/mlp.onnx"))


def main(endpoint, name, memory_mb):
    """Creates the function and waits until it is there."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(os.path.join(HERE, "handler.py"), "handler.py")
    api = boto3.client("lambda", endpoint_url=endpoint)
    api.create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/none",
        Handler="handler.handler",
        Code={"ZipFile": package.getvalue()},
        MemorySize=memory_mb,
        Timeout=60,
        Environment={"Variables": {"MODEL": os.path.abspath(MODEL)}},
    )
    api.get_waiter("function_active_v2").wait(FunctionName=name)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
