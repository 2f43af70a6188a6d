"""A Lambda handler for the shipped model: {"instances": [..]} in, {"predictions": [..]} out.

The model is loaded once an environment, outside of the handler. MODEL names the file; threads follow the memory size, as
1,769 MB are one processor.
"""

import math
import os

import numpy
import onnxruntime

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.environ.get("MODEL", os.path.join(HERE, "../../profiles/models/mlp.onnx"))
MEMORY_MB = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"))

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = max(1, math.floor(MEMORY_MB / 1769))
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name


def handler(event, context):
    """Runs the model once for the whole batch."""
    instances = numpy.asarray(event["instances"], dtype=numpy.float32)
    (outputs,) = session.run(None, {name: instances})
    return {"predictions": outputs.tolist()}
