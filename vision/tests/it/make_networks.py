"""Writes the small networks of networks.rs: `make_networks.py FOLDER`.

Each finds the bright rectangle of one colour in its input, by arithmetic: the first channel's is class 0, the
second's class 1, the third's class 2. Its score is the brightest value as the network was given it; a colour that is
not there scores 0. So what comes out shows how the picture was laid in: its place, its size, the order of channels, the normalisation.
"""

import sys
from pathlib import Path

import onnx

# Not square, so that a width taken for a height shows.
WIDTH, HEIGHT = 96, 64

# A batch of one, three classes: x0, y0, x1, y1 in input pixels, cx, cy, w, h likewise, and peak: 1 x 3 each.
FIND = """
    mask_is = Greater(images, threshold)
    mask = Cast<to: int = 1>(mask_is)
    columns = ReduceMax<axes: ints = [2], keepdims: int = 0>(mask)
    rows = ReduceMax<axes: ints = [3], keepdims: int = 0>(mask)
    brightest = ReduceMax<axes: ints = [2, 3], keepdims: int = 0>(images)
    last_axis = Constant<value_ints: ints = [2]>()
    no_axes = Constant<value_int: int = 0>()
    w = ReduceSum<keepdims: int = 0>(columns, last_axis)
    h = ReduceSum<keepdims: int = 0>(rows, last_axis)
    there = Sign(w)
    peak = Mul(brightest, there)
    columns_at = Mul(columns, centres_x)
    rows_at = Mul(rows, centres_y)
    sum_x = ReduceSum<keepdims: int = 0>(columns_at, last_axis)
    sum_y = ReduceSum<keepdims: int = 0>(rows_at, last_axis)
    one = Constant<value_float: float = 1.0>()
    w_or_1 = Max(w, one)
    h_or_1 = Max(h, one)
    cx = Div(sum_x, w_or_1)
    cy = Div(sum_y, h_or_1)
    half = Constant<value_float: float = 0.5>()
    half_w = Mul(w, half)
    half_h = Mul(h, half)
    x0 = Sub(cx, half_w)
    y0 = Sub(cy, half_h)
    x1 = Add(cx, half_w)
    y1 = Add(cy, half_h)
    size = Constant<value: tensor = float[1,1,4] {96.0, 64.0, 96.0, 64.0}>()
    axis_2 = Constant<value_ints: ints = [2]>()
    axis_1 = Constant<value_ints: ints = [1]>()
    x0_ = Unsqueeze(x0, axis_2)
    y0_ = Unsqueeze(y0, axis_2)
    x1_ = Unsqueeze(x1, axis_2)
    y1_ = Unsqueeze(y1, axis_2)
    cx_ = Unsqueeze(cx, axis_2)
    cy_ = Unsqueeze(cy, axis_2)
    w_ = Unsqueeze(w, axis_2)
    h_ = Unsqueeze(h, axis_2)
    edges = Concat<axis: int = 2>(x0_, y0_, x1_, y1_)
    centre_size = Concat<axis: int = 2>(cx_, cy_, w_, h_)
    peak_ = Unsqueeze(peak, axis_2)
    own = Mul(peak_, eye)
"""

# Logits: the peak for the class whose colour it is, -9 for the others.
LOGITS = """
    minus_9 = Constant<value_float: float = -9.0>()
    others = Sub(eye, one)
    nine = Constant<value_float: float = 9.0>()
    low = Mul(others, nine)
    logits = Add(own, low)
    boxes = Div(centre_size, size)
"""

ROWS = """
    classes = Constant<value_floats: floats = [0.0, 1.0, 2.0]>()
    class_shape = Constant<value_ints: ints = [1, 3, 1]>()
    classes_ = Reshape(classes, class_shape)
"""

NETWORKS = {
    "detr_sigmoid": ("float[1,3,3] logits, float[1,3,4] boxes", LOGITS),
    # A fourth class, "no object", whose logit is 0.
    "detr_softmax": (
        "float[1,3,4] with_none, float[1,3,4] boxes",
        LOGITS
        + """
    zero = Sub(peak_, peak_)
    with_none = Concat<axis: int = 2>(logits, zero)
""",
    ),
    # As RT-DETR is exported with its postprocessor: boxes in pixels of the size asked for. The first pair comes
    # once more, as class 1 with a score of 0.05.
    "detr_fused": (
        "int64[1,4] labels, float[1,4,4] boxes, float[1,4] scores",
        """
    floats = Cast<to: int = 1>(orig_target_sizes)
    twice = Concat<axis: int = 1>(floats, floats)
    asked = Unsqueeze(twice, axis_1)
    asked_parts = Div(asked, size)
    pixels = Mul(edges, asked_parts)
    from_0 = Constant<value_ints: ints = [0]>()
    to_1 = Constant<value_ints: ints = [1]>()
    first = Slice(pixels, from_0, to_1, axis_1)
    boxes = Concat<axis: int = 1>(pixels, first)
    labels = Constant<value: tensor = int64[1,4] {0, 1, 2, 1}>()
    weak = Constant<value: tensor = float[1,1] {0.05}>()
    scores = Concat<axis: int = 1>(peak, weak)
""",
    ),
    "mega_yolov9": (
        "float[1,7,3] output",
        """
    rows_of_7 = Concat<axis: int = 2>(centre_size, own)
    output = Transpose<perm: ints = [0, 2, 1]>(rows_of_7)
""",
    ),
    "mega_edges": (
        "float[1,3,6] output",
        ROWS + "    output = Concat<axis: int = 2>(edges, peak_, classes_)\n",
    ),
    "mega_centres": (
        "float[1,3,6] output",
        ROWS
        + """
    parts = Div(centre_size, size)
    output = Concat<axis: int = 2>(parts, peak_, classes_)
""",
    ),
    # Anchors 0, 1, 2 of stride 8 hold the three classes; the other 123 hold nothing. Scores are of 255.
    "yolox": (
        "float[1,126,8] output",
        """
    stride = Constant<value_float: float = 8.0>()
    cells_x = Div(cx_, stride)
    cells_y = Div(cy_, stride)
    column = Constant<value: tensor = float[1,3,1] {0.0, 1.0, 2.0}>()
    raw_x = Sub(cells_x, column)
    least = Constant<value_float: float = 0.001>()
    w_cells = Div(w_, stride)
    h_cells = Div(h_, stride)
    w_safe = Max(w_cells, least)
    h_safe = Max(h_cells, least)
    raw_w = Log(w_safe)
    raw_h = Log(h_safe)
    white = Constant<value_float: float = 255.0>()
    objectness = Div(peak_, white)
    some = Concat<axis: int = 2>(raw_x, cells_y, raw_w, raw_h, objectness, eye)
    pads = Constant<value_ints: ints = [0, 0, 0, 0, 123, 0]>()
    output = Pad(some, pads)
""",
    ),
    # The peak stands in the cell of stride 4 in which the centre lies; distances are told from that cell's centre.
    "centernet": (
        "float[1,3,16,24] scores, float[1,4,16,24] wh",
        """
    four = Constant<value_float: float = 4.0>()
    two = Constant<value_float: float = 2.0>()
    white = Constant<value_float: float = 255.0>()
    x_cells = Div(cx, four)
    y_cells = Div(cy, four)
    x_cell = Floor(x_cells)
    y_cell = Floor(y_cells)
    columns_24 = Constant<value: tensor = float[1,1,24] {0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23}>()
    rows_16 = Constant<value: tensor = float[1,1,16] {0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}>()
    x_cell_ = Unsqueeze(x_cell, axis_2)
    y_cell_ = Unsqueeze(y_cell, axis_2)
    x_is = Equal(x_cell_, columns_24)
    y_is = Equal(y_cell_, rows_16)
    x_hot = Cast<to: int = 1>(x_is)
    y_hot = Cast<to: int = 1>(y_is)
    x_hot_ = Unsqueeze(x_hot, axis_2)
    axis_3 = Constant<value_ints: ints = [3]>()
    y_hot_ = Unsqueeze(y_hot, axis_3)
    hot = Mul(y_hot_, x_hot_)
    part = Div(peak_, white)
    part_ = Unsqueeze(part, axis_3)
    scores = Mul(hot, part_)
    x_left = Mul(x_cell, four)
    y_top = Mul(y_cell, four)
    cell_x = Add(x_left, two)
    cell_y = Add(y_top, two)
    left = Sub(cell_x, x0)
    top = Sub(cell_y, y0)
    right = Sub(x1, cell_x)
    bottom = Sub(y1, cell_y)
    left_there = Mul(left, there)
    top_there = Mul(top, there)
    right_there = Mul(right, there)
    bottom_there = Mul(bottom, there)
    left_sum = ReduceSum(left_there, axis_1)
    top_sum = ReduceSum(top_there, axis_1)
    right_sum = ReduceSum(right_there, axis_1)
    bottom_sum = ReduceSum(bottom_there, axis_1)
    four_sides = Concat<axis: int = 1>(left_sum, top_sum, right_sum, bottom_sum)
    wh_shape = Constant<value_ints: ints = [1, 4, 1, 1]>()
    sides_ = Reshape(four_sides, wh_shape)
    everywhere = Constant<value_ints: ints = [1, 4, 16, 24]>()
    wh = Expand(sides_, everywhere)
""",
    ),
}


def network(name: str, threshold: float) -> onnx.ModelProto:
    outputs, body = NETWORKS[name]
    sizes = ", int64[1,2] orig_target_sizes" if name == "detr_fused" else ""
    centres_x, centres_y = (", ".join(str(i + 0.5) for i in range(n)) for n in (WIDTH, HEIGHT))
    text = f"""<ir_version: 8, opset_import: ["": 13]>
{name} (float[1,3,{HEIGHT},{WIDTH}] images{sizes}) => ({outputs})
<float threshold = {{{threshold}}}, float[{WIDTH}] centres_x = {{{centres_x}}}, float[{HEIGHT}] centres_y = {{{centres_y}}},
 float[1,3,3] eye = {{1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0}}>
{{{FIND}{body}}}"""
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    folder = Path(sys.argv[1])
    for name in NETWORKS:
        # YOLOX and CenterNet are given 0..255.
        threshold = 180.0 if name in ("yolox", "centernet") else 0.5
        onnx.save(network(name, threshold), folder / f"{name}.onnx")


main()
