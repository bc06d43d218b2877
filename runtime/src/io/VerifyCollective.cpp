#include "Verifier.h"

#include "raddle/Bundle/Mesh.h"

#include <algorithm>
#include <limits>

namespace raddle::runtime::verify {

namespace {

class CollectiveVerifier {
public:
  CollectiveVerifier(const bundle::Collective &collective, const bundle::Bundle &bundle, const std::string &where,
                     Report &report)
      : collective(collective), ranks(bundle::groupSize(bundle, collective.group())), where(where), report(report) {}

  void run(const Place &src, const Place &dst) {
    if (src.dtype != dst.dtype)
      report.add(where + ": the source is " + nameOf(src.dtype) + ", the destination " + nameOf(dst.dtype));
    bool all = collective.kind() == bundle::CollectiveKind::AllReduce;
    if (src.overlaps(dst) && !(src.sameAs(dst) && all))
      report.add(where + ": the source overlaps the destination");
    if (collective.kind() == bundle::CollectiveKind::Transfer)
      return verifyPieces(src, dst);
    if (sizeOf(collective.pieces()) != 0)
      report.add(where + ": " + name() + " takes no pieces, found " + std::to_string(sizeOf(collective.pieces())));
    verifySizes(src, dst);
    if (collective.kind() != bundle::CollectiveKind::AllGather)
      verifyReduction(src.dtype);
  }

private:
  const bundle::Collective &collective;
  const uint64_t ranks;
  const std::string &where;
  Report &report;

  std::string name() const { return bundle::EnumNameCollectiveKind(collective.kind()); }

  void verifySizes(const Place &src, const Place &dst) {
    bool gather = collective.kind() == bundle::CollectiveKind::AllGather;
    bool scatter = collective.kind() == bundle::CollectiveKind::ReduceScatter;
    uint64_t slice = gather ? src.elements : dst.elements, whole = gather ? dst.elements : src.elements, product;
    if (__builtin_mul_overflow(slice, gather || scatter ? ranks : 1, &product) || product != whole)
      report.add(where + ": the source has " + std::to_string(src.elements) + " elements, the destination " +
                 std::to_string(dst.elements) + ", which does not fit " + name() + " of " + std::to_string(ranks) +
                 " ranks");
  }

  void verifyReduction(DType dtype) {
    bool reducible = isFloat(dtype) || dtype == DType::I64 || dtype == DType::I32;
    if (!reducible)
      report.add(where + ": a reduction takes floating-point elements, i64 or i32, found " + nameOf(dtype));
    if (collective.reduction() == bundle::Reduction::Mean && !isFloat(dtype))
      report.add(where + ": a mean takes floating-point elements, found " + nameOf(dtype));
  }

  void verifyPieces(const Place &src, const Place &dst) {
    std::vector<const bundle::Piece *> sorted;
    for (size_t i = 0; i < sizeOf(collective.pieces()); ++i) {
      const bundle::Piece &piece = *collective.pieces()->Get(i);
      std::string at = where + ": piece " + std::to_string(i) + ": ";
      if (piece.from() >= ranks || piece.to() >= ranks) {
        report.add(at + "it goes from rank " + std::to_string(piece.from()) + " to rank " + std::to_string(piece.to()) +
                   " of " + std::to_string(ranks));
        continue;
      }
      if (exceeds(piece.source(), piece.count(), src.elements) ||
          exceeds(piece.target(), piece.count(), dst.elements)) {
        report.add(at + std::to_string(piece.count()) + " elements from " + std::to_string(piece.source()) + " to " +
                   std::to_string(piece.target()) + " exceed a source of " + std::to_string(src.elements) +
                   " or a destination of " + std::to_string(dst.elements));
        continue;
      }
      sorted.push_back(&piece);
    }
    std::sort(sorted.begin(), sorted.end(), [](const bundle::Piece *a, const bundle::Piece *b) {
      return std::make_pair(a->to(), a->target()) < std::make_pair(b->to(), b->target());
    });
    for (size_t i = 1; i < sorted.size(); ++i)
      if (sorted[i - 1]->to() == sorted[i]->to() &&
          sorted[i - 1]->target() + sorted[i - 1]->count() > sorted[i]->target())
        report.add(where + ": two pieces write element " + std::to_string(sorted[i]->target()) + " of rank " +
                   std::to_string(sorted[i]->to()));
  }

  static bool exceeds(uint64_t begin, uint64_t count, uint64_t elements) {
    uint64_t end;
    return __builtin_add_overflow(begin, count, &end) || end > elements;
  }
};

} // namespace

void verifyCollective(const bundle::Collective &collective, const bundle::Bundle &bundle, OperandChecker &operands,
                      const std::string &where, Report &report) {
  std::optional<Place> src = operands.check(collective.src(), where, "source", false);
  std::optional<Place> dst = operands.check(collective.dst(), where, "destination", true);
  if (collective.kind() > bundle::CollectiveKind::MAX || collective.reduction() > bundle::Reduction::MAX ||
      collective.group() > bundle::Group::MAX) {
    report.add(where + ": unknown collective " + std::to_string(static_cast<int>(collective.kind())) + ", reduction " +
               std::to_string(static_cast<int>(collective.reduction())) + " or group " +
               std::to_string(static_cast<int>(collective.group())));
    return;
  }
  if (src && dst)
    CollectiveVerifier(collective, bundle, where, report).run(*src, *dst);
}

} // namespace raddle::runtime::verify
