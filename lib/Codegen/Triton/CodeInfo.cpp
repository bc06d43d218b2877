#include "CodeInfo.h"

#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"

namespace raddle {

namespace {

// The section .nv.info.KERNEL is a list of attributes: a byte of form, a byte of kind, and 16 bits, which are a value
// or, in the last form, the number of the bytes that follow. `cuobjdump -elf` prints it.
constexpr unsigned kHead = 4;
enum Form : uint8_t { kSized = 4 };
enum Kind : uint8_t { kRequiredThreads = 0x10, kParameter = 0x17 };
// A parameter: 32 bits of index, 16 of ordinal, 16 of offset, 32 of flags, whose bits from 18 on are its size in words
// of 4 bytes, times 4.
constexpr size_t kParameterBytes = 12;

llvm::Error damaged(llvm::StringRef kernel, const llvm::Twine &what) {
  return llvm::createStringError("code of kernel '" + kernel + "' " + what);
}

llvm::Expected<CodeInfo> parse(llvm::StringRef section, llvm::StringRef kernel) {
  using llvm::support::endian::read16le;
  using llvm::support::endian::read32le;
  CodeInfo info;
  while (section.size() >= kHead) {
    uint8_t form = section[0], kind = section[1];
    size_t size = form == kSized ? read16le(section.data() + 2) : 0;
    llvm::StringRef value = section.substr(kHead, size);
    if (value.size() != size)
      return damaged(kernel, "has an attribute that is cut off");
    section = section.drop_front(kHead + size);
    if (form != kSized)
      continue;
    if (kind == kParameter && size == kParameterBytes) {
      ++info.parameters;
      uint32_t bytes = read32le(value.data() + 8) >> 18;
      if (bytes != sizeof(uint64_t))
        return damaged(kernel, "takes a parameter of " + llvm::Twine(bytes) + " bytes, expected pointers of 8");
    } else if (kind == kRequiredThreads && size >= 4) {
      info.requiredThreads = read32le(value.data());
    }
  }
  return info;
}

} // namespace

llvm::Expected<CodeInfo> readCodeInfo(llvm::StringRef cubin, llvm::StringRef kernel) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(cubin, kernel));
  if (!object)
    return object.takeError();
  for (const llvm::object::SectionRef &section : (*object)->sections()) {
    llvm::Expected<llvm::StringRef> name = section.getName();
    if (!name)
      return name.takeError();
    if (*name != (".nv.info." + kernel).str())
      continue;
    llvm::Expected<llvm::StringRef> contents = section.getContents();
    if (!contents)
      return contents.takeError();
    return parse(*contents, kernel);
  }
  return damaged(kernel, "has no such kernel");
}

} // namespace raddle
