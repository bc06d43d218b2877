// What the report says of a run on a GPU.
#include "TestBundle.h"
#include "TestFolder.h"

#include "raddle/Report/Report.h"

#include <gtest/gtest.h>

using namespace raddle::runtime;

TEST(ReportTest, HasTheNodesOfGraphs) {
  std::vector<uint8_t> bytes = TestBundle().finish();
  TestFolder folder;
  Measurements measured;
  auto report = [&] {
    EXPECT_EQ(raddle::writeReport(*fb::GetBundle(bytes.data()), folder.file("report.html"), measured), std::nullopt);
    std::ifstream file(folder.file("report.html"));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(report().find("Graphs"), std::string::npos);
  GraphCensus step;
  step.entry = "train_step";
  step.kernels = 3000;
  step.memsets = 24;
  step.edges = 3023;
  measured.graphs = {step};
  std::string text = report();
  for (const char *row :
       {"<tr><th>in the graph of</th><th>train_step</th></tr>", "<tr><td>nodes</td><td>3,024</td></tr>",
        "<tr><td>kernels</td><td>3,000</td></tr>", "<tr><td>memsets</td><td>24</td></tr>",
        "<tr><td>edges</td><td>3,023</td></tr>", "<tr><td>nodes with several dependencies</td><td>0</td></tr>"})
    EXPECT_NE(text.find(row), std::string::npos) << row << " in " << text;
}
