"""Holds job definitions of AWS Batch against the service model that botocore, and so the command line, has of it.

As `aws batch register-job-definition --cli-input-json` would: what the service does not know, what it needs, types and
lengths; and, beyond that, words where the model has a list of them. What goes together (processors and memory of
Fargate, roles that exist) only the service knows.
"""

import json
import sys

try:
    from botocore.session import Session
    from botocore.validate import ParamValidator
except ImportError:
    print("skipped: aws-batch.json: botocore for Python is not installed")
    sys.exit(0)


def words(shape, value, place):
    """Complaints about words that are none of those that the model lists."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in shape.members.items():
            if name in value:
                yield from words(member, value[name], f"{place}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from words(shape.member, item, f"{place}[{index}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{place} is {value}, which is none of {', '.join(shape.enum)}"


def complaints(shape, value):
    report = ParamValidator().validate(value, shape)
    found = [report.generate_report()] if report.has_errors() else []
    return found + list(words(shape, value, "it"))


shape = Session().get_service_model("batch").operation_model("RegisterJobDefinition").input_shape
failed = False
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        found = complaints(shape, json.load(file))
    failed = failed or bool(found)
    for complaint in found:
        print(f"{path}: {complaint}", file=sys.stderr)
    if not found:
        print(f"{path}: it is what the service model takes")
sys.exit(1 if failed else 0)
