"""Resumes every file of a folder with raddle-compile and says whether the bundle equals the one that is given."""

import pathlib
import subprocess
import sys

folder, bundle, options = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
resumed = bundle.with_suffix(".resumed")
for stage in sorted(folder.glob("*.mlir")):
    subprocess.run(["raddle-compile", stage, *options, "-o", resumed], check=True)
    print(stage.name, "equal" if resumed.read_bytes() == bundle.read_bytes() else "different")
