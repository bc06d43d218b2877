#include "CPU/Prefetch.h"

#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SourceMgr.h"
#include <gtest/gtest.h>

using namespace llvm;

namespace {

struct Prefetch {
  std::string block;
  int64_t offset; // bytes from where the pointer starts, in the first pass of all loops
  unsigned locality;
};

/// Runs the pass on a function `f` and finds its prefetches, whose addresses are those of %x or %y at the first row.
class PrefetchTest : public testing::Test {
protected:
  std::vector<Prefetch> run(StringRef text) {
    SMDiagnostic error;
    module = parseAssemblyString(text, error, context);
    if (!module) {
      ADD_FAILURE() << error.getMessage().str() << " in line " << error.getLineNo();
      return {};
    }
    LoopAnalysisManager loops;
    FunctionAnalysisManager functions;
    CGSCCAnalysisManager graph;
    ModuleAnalysisManager modules;
    PassBuilder builder;
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(graph);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, graph, modules);
    Function &function = *module->getFunction("f");
    functions.invalidate(function, raddle::PrefetchRowsPass().run(function, functions));
    EXPECT_FALSE(verifyModule(*module, &errs()));
    auto &evolution = functions.getResult<ScalarEvolutionAnalysis>(function);
    std::vector<Prefetch> result;
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<IntrinsicInst>(&instruction); call && call->getIntrinsicID() == Intrinsic::prefetch) {
        const SCEV *address = evolution.getSCEV(call->getArgOperand(0));
        while (auto *moving = dyn_cast<SCEVAddRecExpr>(address))
          address = moving->getStart();
        auto *offset = dyn_cast<SCEVConstant>(evolution.removePointerBase(address));
        EXPECT_TRUE(offset);
        auto *locality = cast<ConstantInt>(call->getArgOperand(2));
        result.push_back({call->getParent()->getName().str(), offset ? offset->getAPInt().getSExtValue() : -1,
                          static_cast<unsigned>(locality->getZExtValue())});
      }
    return result;
  }

  LLVMContext context;
  std::unique_ptr<Module> module;
};

// Rows of 1,024 floats: a first pass with more work puts a row onto the stack, a second one stores it.
constexpr char kTwoPasses[] = R"(
define void @f(ptr noalias %x, ptr noalias %y, i64 %rows) {
entry:
  %row = alloca [1024 x float], align 64
  br label %outer
outer:
  %i = phi i64 [ 0, %entry ], [ %i.next, %outer.end ]
  %x.row = getelementptr [1024 x float], ptr %x, i64 %i
  %y.row = getelementptr [1024 x float], ptr %y, i64 %i
  br label %first
first:
  %j = phi i64 [ 0, %outer ], [ %j.next, %first ]
  %in = getelementptr float, ptr %x.row, i64 %j
  %a = load <16 x float>, ptr %in, align 4
  %b = fmul <16 x float> %a, %a
  %c = fmul <16 x float> %b, %a
  %d = fadd <16 x float> %c, %b
  %kept = getelementptr float, ptr %row, i64 %j
  store <16 x float> %d, ptr %kept, align 64
  %j.next = add i64 %j, 16
  %first.more = icmp ult i64 %j.next, 1024
  br i1 %first.more, label %first, label %second
second:
  %k = phi i64 [ 0, %first ], [ %k.next, %second ]
  %back = getelementptr float, ptr %row, i64 %k
  %e = load <16 x float>, ptr %back, align 64
  %out = getelementptr float, ptr %y.row, i64 %k
  store <16 x float> %e, ptr %out, align 4
  %k.next = add i64 %k, 16
  %second.more = icmp ult i64 %k.next, 1024
  br i1 %second.more, label %second, label %outer.end
outer.end:
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %rows
  br i1 %more, label %outer, label %end
end:
  ret void
}
)";

TEST_F(PrefetchTest, NextRowAndThisResultAreAskedForWhereMostWorkIs) {
  std::vector<Prefetch> found = run(kTwoPasses);
  ASSERT_EQ(found.size(), 2u);
  std::sort(found.begin(), found.end(), [](auto &a, auto &b) { return a.offset < b.offset; });
  EXPECT_EQ(found[0].block, "first");
  EXPECT_EQ(found[0].offset, 0);
  EXPECT_EQ(found[0].locality, 2u);
  EXPECT_EQ(found[1].block, "first");
  EXPECT_EQ(found[1].offset, 4096);
  EXPECT_EQ(found[1].locality, 3u);
}

// One array is updated from another; two lines a pass.
constexpr char kOneLoop[] = R"(
define void @f(ptr noalias %x, ptr noalias %y, i64 %count) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %loop ]
  %x.0 = getelementptr float, ptr %x, i64 %i
  %x.1 = getelementptr i8, ptr %x.0, i64 64
  %y.0 = getelementptr float, ptr %y, i64 %i
  %y.1 = getelementptr i8, ptr %y.0, i64 64
  %a = load TYPE, ptr %x.0, align 4
  %b = load TYPE, ptr %x.1, align 4
  %c = load TYPE, ptr %y.0, align 4
  %d = load TYPE, ptr %y.1, align 4
  %e = fadd TYPE %a, %c
  %f = fadd TYPE %b, %d
  store TYPE %e, ptr %y.0, align 4
  store TYPE %f, ptr %y.1, align 4
  %i.next = add i64 %i, 32
  %more = icmp ult i64 %i.next, %count
  br i1 %more, label %loop, label %end
end:
  ret void
}
)";

std::string withType(std::string text, const std::string &type) {
  for (size_t at; (at = text.find("TYPE")) != std::string::npos;)
    text.replace(at, 4, type);
  return text;
}

TEST_F(PrefetchTest, OneLoopRunsAheadOfItself) {
  std::vector<Prefetch> found = run(withType(kOneLoop, "<16 x float>"));
  ASSERT_EQ(found.size(), 4u);
  for (const Prefetch &prefetch : found) {
    EXPECT_TRUE(prefetch.offset == 2048 || prefetch.offset == 2112) << prefetch.offset;
    EXPECT_EQ(prefetch.locality, 3u);
  }
}

TEST_F(PrefetchTest, ScalarLoopsAreLeftAlone) { EXPECT_TRUE(run(withType(kOneLoop, "float")).empty()); }

} // namespace
