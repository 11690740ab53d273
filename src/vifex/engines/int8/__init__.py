"""int8 quantization by NNCF."""
