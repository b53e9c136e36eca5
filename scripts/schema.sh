#!/usr/bin/env bash
# Makes src/onnx/schema/onnx_pb.ts from the onnx.proto of the installed Python package `onnx`.
# Needs: pip install onnx grpcio-tools; npm ci (for protoc-gen-es).
set -euo pipefail
cd "$(dirname "$0")/.."
package=$(python3 -c 'import onnx, pathlib; print(pathlib.Path(onnx.__file__).parent)')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$package/onnx-ml.proto" "$folder/onnx.proto"
python3 -m grpc_tools.protoc -I "$folder" \
  --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es --es_out=src/onnx/schema --es_opt=target=ts onnx.proto
