"""Tests of deploy/setup that install nothing: each runs it in a copy that has no .setup folder.

    .setup/venv/bin/python -m unittest discover deploy
"""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Setup(unittest.TestCase):
    """What a person sees of it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.copy = Path(folder.name) / "paddock"
        self.cache = Path(folder.name) / "cache"
        self.cache.mkdir()
        for name in ("setup", "requirements.txt", "convert_centernet.py"):
            (self.copy / "deploy").mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "deploy" / name, self.copy / "deploy")
        for model in ("centernet", "yolox_nano"):
            (self.copy / "models" / model).mkdir(parents=True)
            shutil.copy(ROOT / "models" / model / "model.toml", self.copy / "models" / model)

    def run_setup(self, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess:
        """Run the copy's deploy/setup; its stdin is no terminal, so it never asks."""
        environment = dict(os.environ, PADDOCK_MODEL_CACHE=str(self.cache))
        if path is not None:
            environment["PATH"] = path
        return subprocess.run(
            [str(self.copy / "deploy/setup"), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_check_names_what_is_missing_and_changes_nothing(self):
        result = self.run_setup("--check")
        self.assertEqual(result.returncode, 1)
        for name in ("libonnxruntime.so", "weed", "vtest.avi", "centernet/model.onnx", "venv"):
            self.assertIn(name, result.stdout)
        self.assertFalse((self.copy / ".setup").exists())

    def test_an_unknown_option_is_one_sentence_and_exit_code_2(self):
        result = self.run_setup("--frob")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr, "setup: unknown option --frob; known: --check, --help\n")

    def test_a_damaged_model_in_the_cache_is_named_before_anything_is_fetched(self):
        for name in ("centernet.onnx", "yolox_nano.onnx"):
            with self.subTest(name):
                damaged = self.cache / name
                damaged.write_bytes(b"half a model")
                result = self.run_setup()
                damaged.unlink()
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"{damaged} has sha256", result.stderr)
                self.assertEqual(result.stderr.count("\n"), 1)
                self.assertFalse((self.copy / ".setup/venv").exists())

    def test_without_apt_the_missing_packages_and_the_command_are_one_sentence(self):
        # A PATH with the tools it needs but neither apt nor dpkg: a machine that is no Debian.
        tools = self.copy / "tools"
        tools.mkdir()
        for tool in ("env", "bash", "dirname", "realpath", "date", "mkdir", "flock", "cat"):
            found = shutil.which(tool)
            self.assertIsNotNone(found, tool)
            (tools / tool).symlink_to(found)
        result = self.run_setup(path=str(tools))
        self.assertEqual(result.returncode, 1)
        self.assertIn("as root run: apt-get install gcc g++", result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
