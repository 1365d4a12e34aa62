"""Training of the embedded model. Nothing here is imported by the other steps; torch and onnx are the extra `train`."""
