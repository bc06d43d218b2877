#include "BlasLtLibrary.h"

#include "SharedLibrary.h"

#include "raddle/runtime/Error.h"

namespace raddle::runtime::cuda::blaslt {

const Library &library() {
  static const Library loaded = [] {
    SharedLibrary file({"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"},
                       "the bundle has matrix products for a GPU, but cuBLASLt cannot be loaded");
    Library library;
    file.find(library.create, "cublasLtCreate");
    file.find(library.destroy, "cublasLtDestroy");
    file.find(library.version, "cublasLtGetVersion");
    file.find(library.describe, "cublasLtMatmulDescCreate");
    file.find(library.setDescription, "cublasLtMatmulDescSetAttribute");
    file.find(library.freeDescription, "cublasLtMatmulDescDestroy");
    file.find(library.layOut, "cublasLtMatrixLayoutCreate");
    file.find(library.setLayout, "cublasLtMatrixLayoutSetAttribute");
    file.find(library.freeLayout, "cublasLtMatrixLayoutDestroy");
    file.find(library.prefer, "cublasLtMatmulPreferenceCreate");
    file.find(library.setPreference, "cublasLtMatmulPreferenceSetAttribute");
    file.find(library.freePreference, "cublasLtMatmulPreferenceDestroy");
    file.find(library.heuristic, "cublasLtMatmulAlgoGetHeuristic");
    file.find(library.checkAlgorithm, "cublasLtMatmulAlgoCheck");
    file.find(library.matmul, "cublasLtMatmul");
    file.check("cuBLASLt");
    return library;
  }();
  return loaded;
}

void check(Status status, const std::string &what) {
  if (status != 0)
    throw Error(what + ": cuBLASLt reports status " + std::to_string(status));
}

} // namespace raddle::runtime::cuda::blaslt
