#include "app/tls_probes.h"

#include "base/log.h"

#include <fmt/format.h>

namespace tailwhy {
namespace {

constexpr std::size_t kMostLibraries = 256;

std::vector<UprobePoint> points_of(const std::vector<CodeProbe>& probes) {
  std::vector<UprobePoint> points;
  for (const CodeProbe& probe : probes)
    points.push_back({probe.offset, probe.cookie, probe.on_return});
  return points;
}

}  // namespace

std::string describe(const TlsLibrary& library) {
  return fmt::format("{} ({}): about {:.1f} us a call{}", library.path, library.kind,
                     static_cast<double>(library.expected_ns) / 1e3,
                     library.stepped ? ", 20 us under some hypervisors" : "");
}

std::vector<DoctorRow> examine_tls(std::uint32_t pid, const KernelFeatures& features) {
  const bool multi = features.of(TW_FEAT_UPROBE_MULTI).support == Support::Yes;
  std::vector<DoctorRow> rows;
  const auto add = [&](std::string found) {
    DoctorRow& row = rows.emplace_back();
    row.section = "target";
    row.check = "TLS library";
    row.need = "only for --tls";
    row.found = std::move(found);
  };
  TlsLibraries libraries;
  for (const TlsLibrary& library : libraries.look(pid)) {
    add(fmt::format("{}, {} probes by {}", describe(library),
                    library.entered.size() + library.left.size(),
                    multi ? "uprobe_multi" : "perf uprobes"));
  }
  if (rows.empty()) add("none that is known: its encrypted connections are unknown");
  return rows;
}

void TlsProbes::attach(std::vector<TlsLibrary> libraries) {
  for (const TlsLibrary& library : libraries) {
    if (attached_.size() >= kMostLibraries) return;
    const std::string text = describe(library);
    log_warn("--tls: probing {} more, in every process that uses that file", text);
    const auto entered = points_of(library.entered);
    const auto left = points_of(library.left);
    if (auto done = tracer_.attach_tls(library.file.get(), entered, left); !done) {
      log_error(
          "--tls: {}: {}; its connections stay unknown. 'tailwhy doctor' says what is refused",
          library.path, done.error().message());
      continue;
    }
    attached_.push_back(text);
  }
}

}  // namespace tailwhy
