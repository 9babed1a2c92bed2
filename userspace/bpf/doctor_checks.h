// The single examinations that doctor.cpp puts together; only it includes this.
#pragma once

#include "bpf/doctor.h"
#include "bpf/features.h"

#include <cstdint>
#include <vector>

namespace tailwhy {

/// Release, BTF, lockdown, and what the kernel cannot do.
std::vector<DoctorRow> examine_kernel(const KernelFeatures& features);
/// Capabilities, settings of the system that get in the way, memory for the ring.
std::vector<DoctorRow> examine_privileges(std::uint32_t ring_size_bytes);
/// The process, its threads, its namespaces.
std::vector<DoctorRow> examine_target(std::uint32_t pid);

}  // namespace tailwhy
