// How the doctor's findings are shown: a table for people, JSON for programs.
#pragma once

#include "bpf/doctor.h"
#include "sinks/style.h"

#include <cstddef>
#include <string>
#include <vector>

namespace tailwhy {

std::string format_doctor(const std::vector<DoctorRow>& rows,
                          const Style& style,
                          std::size_t width);
/// {"verdict": "ok", "checks": [{"section", "check", "need", "found", "verdict", "fix"?}]}
std::string format_doctor_json(const std::vector<DoctorRow>& rows);

}  // namespace tailwhy
