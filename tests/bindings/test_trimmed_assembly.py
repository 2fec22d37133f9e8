import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.bindings.trimmed_assembly import trim, trim_assembly

NAME = "@acme/provider"


def camel(folder: str) -> str:
    first, *rest = folder.split("-")
    return first + "".join(word.capitalize() for word in rest)


def assembly_of(folders: list[str], docs: str = "text") -> dict:
    return {
        "author": {"name": "Acme"},
        "dependencies": {"cdktf": "^0.21.0"},
        "name": NAME,
        "readme": {"markdown": docs},
        "submodules": {
            f"{NAME}.{camel(folder)}": {"readme": {"markdown": docs}, "symbolId": f"src/{folder}/index:"}
            for folder in folders
        },
        "types": {
            f"{NAME}.{camel(folder)}.{kind}": {
                "docs": {"summary": docs},
                "fqn": f"{NAME}.{camel(folder)}.{kind}",
                "kind": "class",
                "locationInModule": {"filename": f"src/{folder}/index.ts", "line": 1},
                "properties": [{"docs": {"summary": docs}, "name": "docs", "type": {"primitive": "string"}}],
            }
            for folder in folders
            for kind in ("Thing", "ThingConfig")
        },
        "version": "1.2.3",
    }


def archive_of(path: Path, folders: list[str], indent: int | None = 2) -> Path:
    files = {
        ".jsii": json.dumps(assembly_of(folders), indent=indent),
        "package.json": json.dumps({"name": NAME, "version": "1.2.3", "scripts": {"x": "y"}, "main": "lib/index.js"}),
        "LICENSE": "licence",
        "lib/index.js": "everything",
    }
    for folder in folders:
        files[f"lib/{folder}/index.js"] = (
            f"exports.{camel(folder)} = 1;\n//# sourceMappingURL=data:application/json,e30="
        )
        files[f"lib/{folder}/index.d.ts"] = "types"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def files_in(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar}


@pytest.mark.parametrize("indent", [2, None, 4])
def test_only_the_submodules_that_are_named_are_kept(tmp_path, indent):
    archive = archive_of(tmp_path / "a.tgz", ["s3-bucket", "sqs-queue", "s3-bucket-acl"], indent)
    files = files_in(trim(archive, ["s3_bucket"]))
    assert set(files) == {
        "package/.jsii",
        "package/LICENSE",
        "package/lib/index.js",
        "package/lib/s3-bucket/index.js",
        "package/package.json",
    }
    assembly = json.loads(files["package/.jsii"])
    assert set(assembly["types"]) == {f"{NAME}.s3Bucket.Thing", f"{NAME}.s3Bucket.ThingConfig"}
    assert set(assembly["submodules"]) == {f"{NAME}.s3Bucket"}
    assert assembly["version"] == "1.2.3"
    assert assembly["dependencies"] == {"cdktf": "^0.21.0"}


def test_documentation_and_source_maps_are_left_out_and_names_are_not(tmp_path):
    files = files_in(trim(archive_of(tmp_path / "a.tgz", ["eip"]), ["eip"]))
    thing = json.loads(files["package/.jsii"])["types"][f"{NAME}.eip.Thing"]
    assert thing == {
        "fqn": f"{NAME}.eip.Thing",
        "kind": "class",
        "properties": [{"name": "docs", "type": {"primitive": "string"}}],
    }
    assert files["package/lib/eip/index.js"] == "exports.eip = 1;\n"


def test_the_index_loads_a_submodule_when_it_is_asked_for(tmp_path):
    files = files_in(trim(archive_of(tmp_path / "a.tgz", ["s3-bucket"]), ["s3_bucket"]))
    assert 'get: function () { return require("./s3-bucket"); }' in files["package/lib/index.js"]
    assert json.loads(files["package/package.json"])["main"] == "lib/index.js"


def test_equal_inputs_give_equal_bytes(tmp_path):
    folders = ["b", "a", "c"]
    first = trim(archive_of(tmp_path / "a.tgz", folders), ["a", "b"])
    assert trim(archive_of(tmp_path / "b.tgz", folders), ["b", "a"]) == first


def test_a_submodule_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a\.tgz has no submodule no_such, nor_this"):
        trim(archive_of(tmp_path / "a.tgz", ["eip"]), ["eip", "nor_this", "no_such"])


def test_an_archive_that_is_no_jsii_package_is_an_error(tmp_path):
    with tarfile.open(tmp_path / "a.tgz", "w:gz"):
        pass
    with pytest.raises(ValueError, match="not a jsii package"):
        trim(tmp_path / "a.tgz", [])


@given(
    st.lists(
        st.from_regex(r"[a-z][a-z0-9]{0,4}(-[a-z][a-z0-9]{0,4}){0,2}", fullmatch=True), min_size=1, unique_by=camel
    ),
    st.text(max_size=30),
    st.data(),
)
def test_reading_type_by_type_gives_what_reading_all_gives(folders, docs, data):
    wanted = data.draw(st.sets(st.sampled_from(folders)))
    assembly = assembly_of(folders, docs)
    by_type = trim_assembly(json.dumps(assembly, indent=2).encode(), wanted)
    whole = trim_assembly(json.dumps(assembly).encode(), wanted)
    assert by_type == whole
    assert set(by_type[1]) == wanted
