# SPDX-License-Identifier: Apache-2.0
"""Stubs of our .proto files, generated for the run into a folder of its own."""
import importlib
import pathlib
import shutil
import subprocess
import sys

from support import places

PROTO = places.REPO / "proto"
PEERS = places.REPO / "test" / "peers"


def protoc(*arguments):
    subprocess.run(["protoc", f"-I{PROTO}", f"-I{PEERS}", *map(str, arguments)], check=True)


def python_module(folder, name):
    """user.proto -> the module user_pb2, imported."""
    protoc(f"--python_out={folder}", f"{name}.proto")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module(f"{name}_pb2")


def python_services(folder, name):
    """user.proto -> the module user_pb2_grpc, imported; needs python_module first."""
    plugin = shutil.which("grpc_python_plugin")
    assert plugin, "grpc_python_plugin (protobuf-compiler-grpc) is missing"
    protoc(f"--plugin=protoc-gen-grpc={plugin}", f"--grpc_out={folder}", f"{name}.proto")
    return importlib.import_module(f"{name}_pb2_grpc")


def field(number, payload):
    """A field of bytes, shorter than 128."""
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def status_with_info(code, message):
    """A google.rpc.Status with an ErrorInfo that says the same; by hand, as Python's `google` is another package's."""
    info = field(1, message.encode()) + field(2, b"peer")
    detail = field(1, b"type.googleapis.com/google.rpc.ErrorInfo") + field(2, info)
    return bytes([8, code]) + field(2, message.encode()) + field(3, detail)


def ruby_file(folder, name):
    protoc(f"--ruby_out={folder}", f"{name}.proto")
    return folder / f"{name}_pb.rb"


def wider_user_proto(folder):
    """user.proto as a client may have it that is ahead of the server: one method and one service more."""
    text = (PROTO / "user.proto").read_text()
    opening = "service UserService {\n"
    absent = "  rpc Absent(GetUserRequest) returns (GetUserResponse);\n"
    assert opening in text
    path = folder / "user.proto"
    path.write_text(text.replace(opening, opening + absent) + "\nservice AbsentService {\n" + absent + "}\n")
    return path


def public_modules(folder, name):
    """Modules (messages, services) of a file of Debian's grpc-proto.

    It gets a name of its own, since grpc is also the name of a Python package.
    """
    plugin = shutil.which("grpc_python_plugin")
    assert plugin, "grpc_python_plugin (protobuf-compiler-grpc) is missing"
    stem = "public_" + name.removesuffix(".proto").replace("/", "_")
    shutil.copy(pathlib.Path("/usr/share/grpc-proto") / name, folder / f"{stem}.proto")
    outputs = [f"--python_out={folder}", f"--plugin=protoc-gen-grpc={plugin}", f"--grpc_out={folder}"]
    subprocess.run(["protoc", f"-I{folder}", *outputs, f"{stem}.proto"], check=True)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return [importlib.import_module(f"{stem}_pb2"), importlib.import_module(f"{stem}_pb2_grpc")]
