"""Has Triton compile functions in its language; Raddle's compiler runs this.

    python compile_kernels.py FOLDER ARCH CACHE

FOLDER/kernels.json lists {"name", "warps"} of functions whose text is FOLDER/NAME.ttir, ARCH is a number such as 90.
Writes FOLDER/NAME.cubin and FOLDER/results.json, a list of {"name", "warps", "ctas", "shared", "scratch"}, sizes in
bytes, or of {"name", "error"}. Code is kept in the folder CACHE by the hash of all that it depends on, which names are
not.

Exits with 3 where this Python has no Triton.
"""

import concurrent.futures
import hashlib
import importlib.metadata
import json
import multiprocessing
import os
import pathlib
import sys
import tempfile
import traceback

NO_TRITON = 3


def key_of(text, kernel, arch, version):
    parts = [text, str(kernel["warps"]), arch, version, pathlib.Path(__file__).read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def reason_of(error, printed):
    """One line: what Triton's compiler printed, or the exception and its place."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = next((line for line in printed.splitlines() if "error:" in line), None) or f"{type(error).__name__}: {error}"
    return f"{' '.join(text.split())[:300]} ({pathlib.Path(place.filename).name}:{place.lineno})"


def compile_kernel(folder, name, warps, arch):
    import triton
    from triton.backends.compiler import GPUTarget

    # Diagnostics of MLIR go to the process's standard error.
    with tempfile.TemporaryFile(mode="w+") as printed:
        saved = os.dup(2)
        os.dup2(printed.fileno(), 2)
        try:
            # Numbers that are very small stay what they are.
            options = {"num_warps": warps, "enable_reflect_ftz": False}
            compiled = triton.compile(f"{folder}/{name}.ttir", target=GPUTarget("cuda", int(arch), 32), options=options)
        except Exception as error:
            printed.seek(0)
            return {"error": reason_of(error, printed.read())}, None
        finally:
            os.dup2(saved, 2)
            os.close(saved)
    metadata = compiled.metadata
    found = {
        "warps": metadata.num_warps, "ctas": metadata.num_ctas, "shared": metadata.shared,
        "scratch": metadata.global_scratch_size,
    }
    return found, compiled.asm["cubin"]


def store(path, data):
    """Writes a file so that readers see all of it or none."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)


def keep(cache, key, found, code):
    """A cache that cannot be written is none."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        store(cache / f"{key}.cubin", code)
        store(cache / f"{key}.json", json.dumps(found).encode())
    except OSError:
        pass


def main():
    folder, arch, cache = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    try:
        version = importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        return NO_TRITON
    os.environ["TRITON_CACHE_DIR"] = str(folder / "triton")
    # Line numbers of generated text help nobody.
    os.environ["TRITON_DISABLE_LINE_INFO"] = "1"
    results, missing = {}, {}
    for kernel in json.loads((folder / "kernels.json").read_text()):
        name = kernel["name"]
        key = key_of((folder / f"{name}.ttir").read_text(), kernel, arch, version)
        try:
            found, code = json.loads((cache / f"{key}.json").read_text()), (cache / f"{key}.cubin").read_bytes()
        except (OSError, ValueError):
            missing[name] = key, kernel["warps"]
            continue
        (folder / f"{name}.cubin").write_bytes(code)
        results[name] = {**found, "name": name}
    workers = min(len(os.sched_getaffinity(0)), len(missing))
    if missing:
        # Once, before the workers start as copies of this process: it takes as long as several kernels.
        import triton.backends.compiler  # noqa: F401

        context = multiprocessing.get_context("fork")
        with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
            jobs = {
                name: pool.submit(compile_kernel, str(folder), name, warps, arch)
                for name, (_, warps) in missing.items()
            }
            for name, job in jobs.items():
                found, code = job.result()
                results[name] = {**found, "name": name}
                if code is not None:
                    (folder / f"{name}.cubin").write_bytes(code)
                    keep(cache, missing[name][0], found, code)
    (folder / "results.json").write_text(json.dumps(list(results.values())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
