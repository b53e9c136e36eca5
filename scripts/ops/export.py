"""Writes the node tests of the installed onnx package into a folder, and what its operator schemas say.

    python scripts/ops/export.py OUT

OUT/NAME/ has model.onnx and test_data_set_0/input_I.pb and output_I.pb, as in the package's own layout; OUT/index.json lists
the tests (operator, opset, tolerances) and every operator of the standard (versions, which inputs the standard calls
differentiable). Needs onnx; nothing is downloaded.
"""

import json
import re
import sys
import warnings
from pathlib import Path

import numpy
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.defs import OpSchema


def base_of(name: str, names: set[str]) -> str:
    """The test whose operator is written out in this one ("test_selu_expanded_ver18"), or itself."""
    base = re.sub(r"_expanded(_.*)?$", "", name)
    return base if base in names else name


def write_value(path: Path, value: object) -> None:
    """Sequences and empty optionals are left out: what is no tensor has no gradient."""
    if isinstance(value, list) or value is None:
        return
    proto = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(numpy.asarray(value))
    path.write_bytes(proto.SerializeToString())


def type_of(value: onnx.ValueInfoProto) -> str:
    if value.type.HasField("tensor_type"):
        return onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
    return value.type.WhichOneof("value") or "unknown"


def write_test(out: Path, case, base) -> dict:
    folder = out / case.name
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    inputs, outputs = case.data_sets[0]
    for prefix, values in (("input", inputs), ("output", outputs)):
        for i, value in enumerate(values):
            write_value(data / f"{prefix}_{i}.pb", value)
    node = base.model.graph.node[0]
    # Inputs of the model by the place at which the operator reads them; values of an attribute's body have none.
    places = [list(node.input).index(v.name) if v.name in node.input else None for v in base.model.graph.input]
    return {
        "name": case.name,
        "op": node.op_type,
        "domain": "" if node.domain == "ai.onnx" else node.domain,
        "expands": base is not case,
        "opset": next((o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx")), 1),
        "places": places,
        "inputTypes": [type_of(v) for v in case.model.graph.input],
        "outputTypes": [type_of(v) for v in case.model.graph.output],
        "rtol": case.rtol,
        "atol": case.atol,
    }


def operators() -> list[dict]:
    versions: dict[str, list[int]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            versions.setdefault(schema.name, []).append(schema.since_version)
    kinds = OpSchema.DifferentiationCategory
    names = {kinds.Differentiable: "yes", kinds.NonDifferentiable: "no", kinds.Unknown: "unknown"}
    found = []
    for name, since in sorted(versions.items()):
        latest = onnx.defs.get_schema(name, max(since), "")
        gone = [v for v in since if onnx.defs.get_schema(name, v, "").deprecated]
        found.append(
            {
                "op": name,
                "since": sorted(since),
                "removed": min(gone) if gone else None,
                "inputs": [
                    {"name": i.name, "differentiable": names[i.differentiation_category]} for i in latest.inputs
                ],
            }
        )
    return found


def main() -> None:
    out = Path(sys.argv[1])
    warnings.simplefilter("ignore")
    cases = collect_testcases(None)
    names = {c.name for c in cases}
    by_name = {c.name: c for c in cases}
    tests = [write_test(out, c, by_name[base_of(c.name, names)]) for c in cases]
    versions = {"onnx": onnx.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}
    index = {
        "versions": versions,
        "opset": onnx.defs.onnx_opset_version(),
        "operators": operators(),
        "tests": sorted(tests, key=lambda t: t["name"]),
    }
    (out / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    print(f"{len(tests)} node tests of {len({t['op'] for t in tests})} operators, onnx {onnx.__version__}")


if __name__ == "__main__":
    main()
