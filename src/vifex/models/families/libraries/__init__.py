"""Networks of other libraries: timm, torchvision, transformers, OpenCLIP."""
