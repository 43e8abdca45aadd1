#include "rotor/tracer.h"

#include <vector>

#include "base/check.h"

namespace rockmate::rotor {

Tracer::Spot Tracer::spot(std::size_t a, std::size_t b, std::int64_t bytes) const {
  const Shifted state = state_(a, b);
  const std::ptrdiff_t at = last_within(*state.points, bytes - state.by);
  ROCKMATE_CHECK(at >= 0, "a state of the recursion got fewer bytes than it was promised");
  const Point& point = (*state.points)[static_cast<std::size_t>(at)];
  return {a, b, &point, point.bytes + state.by};
}

Tracer::Inside Tracer::inside(const Spot& spot) const {
  const auto [a, b, point, bytes] = spot;
  Inside inside;
  const bool keeps = point->choice == 0 || point->choice >= kKeepChoice;
  if (!keeps) {
    const std::size_t j = a + point->choice;
    const std::int64_t held = costs_.checkpoint_held(a, j, b, costs_.base(a, b));
    inside.right = this->spot(j, b, bytes - held);
    inside.left = this->spot(a, j - 1, bytes - costs_.left_held(a, j, b));
    return inside;
  }
  if (point->choice >= kKeepChoice) inside.way = point->choice - kKeepChoice;
  if (a == b) return inside;
  const std::int64_t held =
      kept_ == nullptr ? costs_.keep_held(a, b) : kept_->way(a, inside.way, b).held;
  inside.right = this->spot(a + 1, b, bytes - held);
  return inside;
}

PartId Tracer::trace(std::int64_t bytes) {
  const auto part_of = [&](const std::optional<Spot>& spot) {
    return spot ? parts_.at(spot->point) : kNoPart;
  };
  const Spot whole = spot(0, costs_.blocks() - 1, bytes);
  std::vector<Spot> stack = {whole};
  while (!stack.empty()) {
    const Spot top = stack.back();
    if (parts_.contains(top.point)) {
      stack.pop_back();
      continue;
    }
    const Inside inside = this->inside(top);
    const std::size_t size = stack.size();
    for (const auto& spot : {inside.right, inside.left}) {
      if (spot && !parts_.contains(spot->point)) stack.push_back(*spot);
    }
    if (stack.size() > size) continue;  // those first
    parts_[top.point] = plans_.add({inside.way, part_of(inside.right), part_of(inside.left)});
    stack.pop_back();
  }
  return parts_.at(whole.point);
}

}  // namespace rockmate::rotor
