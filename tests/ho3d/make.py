# SPDX-License-Identifier: Apache-2.0
"""Writes the frame's annotation that tests/data/ho3d_test.cpp reads, as HO-3D has one for each, in every
form that Python 2 and 3 give a pickle: python3 tests/ho3d/make.py (needs numpy)."""
import io
import pathlib
import pickle

import numpy as np

joint = np.arange(21.0)
META = {
    "handJoints3D": np.stack([0.01 * joint, 0.05 - 0.02 * joint, -0.6 - 0.001 * joint], axis=1),
    "camMat": np.asfortranarray([[614.5, 0, 320.25], [0, 615.5, 240.75], [0, 0, 1]]),
    "handPose": np.linspace(-1, 1, 48).astype(np.float32),
    "handTrans": None,
    "objName": "003_cracker_box",
    "objLabel": 2,
    "camIDList": ["0", "1"],
    "handVertContact": np.zeros(3, dtype=bool),
    "error": np.float64(0.25),
}


class Python2(pickle._Pickler):
    """Text and bytes are Python 2's str."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str(self, value):
        data = value if isinstance(value, bytes) else value.encode("latin1")
        if self.proto == 0:
            self.write(pickle.STRING + repr(data)[1:].encode() + b"\n")
        elif len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        else:
            self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    dispatch[str] = save_str
    dispatch[bytes] = save_str


def python2(protocol):
    out = io.BytesIO()
    Python2(out, protocol, fix_imports=True).dump(META)
    return out.getvalue()


def write(name, data):
    read = pickle.loads(data, encoding="latin1")
    for key in ("handJoints3D", "camMat", "handPose"):
        assert np.array_equal(read[key], META[key]), (name, key)
    (pathlib.Path(__file__).parent / name).write_bytes(data)


for protocol in (0, 1, 2):
    write(f"python2_{protocol}.pkl", python2(protocol))
for protocol in (0, 2, 3, 4):
    write(f"python3_{protocol}.pkl", pickle.dumps(META, protocol))
missing = {key: None for key in META}
write_missing = pathlib.Path(__file__).parent / "missing.pkl"
write_missing.write_bytes(pickle.dumps(missing, 2))
