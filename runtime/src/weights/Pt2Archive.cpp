#include "raddle/runtime/Error.h"
#include "raddle/runtime/WeightArchive.h"

#include <zip.h>

namespace raddle::runtime {

namespace {

class Pt2Archive : public WeightArchive {
public:
  explicit Pt2Archive(const std::string &path) : path(path) {
    int code = 0;
    archive.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (!archive) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      std::string reason = zip_error_strerror(&error);
      zip_error_fini(&error);
      throw Error("cannot open weights '" + path + "': " + reason);
    }
  }

  std::optional<uint64_t> sizeOf(const std::string &entry) override {
    std::optional<zip_stat_t> status = find(entry);
    if (!status)
      return std::nullopt;
    return status->size;
  }

  std::optional<DType> dtypeOf(const std::string &) override { return std::nullopt; }

  void read(const std::string &entry, uint64_t offset, void *dst, size_t size) override {
    if (openName != entry)
      open(entry);
    if (offset > openSize || size > openSize - offset)
      throw Error(where(entry) + ": bytes " + std::to_string(offset) + " to " + std::to_string(offset + size) +
                  " are wanted, it has " + std::to_string(openSize));
    // libzip cannot seek in an entry without bytes.
    if (size == 0)
      return;
    if (zip_fseek(openFile.get(), static_cast<zip_int64_t>(offset), SEEK_SET) != 0)
      throw Error(where(entry) + ": cannot find byte " + std::to_string(offset));
    for (size_t done = 0; done < size;) {
      zip_int64_t count = zip_fread(openFile.get(), static_cast<char *>(dst) + done, size - done);
      if (count <= 0)
        throw Error(where(entry) + ": expected " + std::to_string(size) + " bytes from byte " + std::to_string(offset) +
                    ", found " + std::to_string(done));
      done += static_cast<size_t>(count);
    }
  }

private:
  struct Close {
    void operator()(zip_t *zip) const { zip_discard(zip); }
    void operator()(zip_file_t *file) const { zip_fclose(file); }
  };
  std::string path;
  std::unique_ptr<zip_t, Close> archive;
  // The entry that was read last; neighbouring parts of it are read one after the other.
  std::unique_ptr<zip_file_t, Close> openFile;
  std::string openName;
  uint64_t openSize = 0;

  std::string where(const std::string &entry) const { return "weights '" + path + "', entry '" + entry + "'"; }

  std::optional<zip_stat_t> find(const std::string &entry) {
    zip_stat_t status;
    zip_stat_init(&status);
    zip_uint64_t needed =
        ZIP_STAT_SIZE | ZIP_STAT_INDEX | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD | ZIP_STAT_COMP_SIZE;
    if (zip_stat(archive.get(), entry.c_str(), 0, &status) != 0 || (status.valid & needed) != needed)
      return std::nullopt;
    return status;
  }

  void open(const std::string &entry) {
    std::optional<zip_stat_t> status = find(entry);
    if (!status)
      throw Error(where(entry) + " does not exist");
    if (status->comp_method != ZIP_CM_STORE || status->encryption_method != ZIP_EM_NONE)
      throw Error(where(entry) + " is compressed or encrypted; weights are read from stored entries");
    if (status->comp_size != status->size)
      throw Error(where(entry) + ": expected as many stored bytes as the " + std::to_string(status->size) +
                  " that it has, found " + std::to_string(status->comp_size));
    openName.clear();
    openFile.reset(zip_fopen_index(archive.get(), status->index, 0));
    if (!openFile)
      throw Error(where(entry) + ": " + zip_strerror(archive.get()));
    openName = entry;
    openSize = status->size;
  }
};

} // namespace

std::unique_ptr<WeightArchive> openPt2(const std::string &path) { return std::make_unique<Pt2Archive>(path); }

std::unique_ptr<WeightArchive> openWeights(const std::string &path) {
  const std::string suffix = ".safetensors";
  bool safetensors =
      path.size() > suffix.size() && path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0;
  return safetensors ? openSafetensors(path) : openPt2(path);
}

} // namespace raddle::runtime
