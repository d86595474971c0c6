// A plan as a table: what the compiler made of the type.
#pragma once
#include <oxbow/core/wording.hpp>
#include <oxbow/lower/names.hpp>
#include <oxbow/lower/plan.hpp>
#include <oxbow/lower/table.hpp>

namespace oxbow {
namespace detail {

/// The words of one step.
class step_text {
 public:
  step_text(fused_graph const& fused, placement const& placed, plan const& steps, int step)
      : net_{fused.net}, placed_{placed}, plan_{steps}, step_{step} {}

  /// "level 1 / encode: conv 1 + relu; inner: max_pool 1". Of a path, what the words before it said is left out.
  std::string ops() const {
    std::string text, before;
    path inside{};
    for_each([&](instruction const& i) {
      op const& o = net_.ops[i.op];
      path here = o.layer == none ? path{} : net_.layers[o.layer];
      std::string const leaf = leaf_text(o, i.op >= net_.forward_ops, here);
      if (!here.empty()) --here.count;
      std::string const place = path_text(net_, here);
      if (text.empty() || place != before) {
        int const common = text.empty() ? 0 : shared(inside, here);
        std::string const news = path_text(net_, here).substr(prefix_length(here, common));
        text += (text.empty() ? "" : "; ") + news + (news.empty() ? "" : ": ") + leaf;
      } else {
        text += " + " + leaf;
      }
      before = place, inside = here;
    });
    return text;
  }

  /// Steps whose results are read, and how; `&` joins the sources that make one input.
  std::string inputs() const {
    std::vector<std::string> all;
    for_each([&](instruction const& i) {
      for (source const& from : i.in) {
        std::string one;
        for (int k = from.first; k < from.first + from.count; ++k)
          one += (k > from.first ? " & " : "") + origin(plan_.operands[k]);
        if (!one.empty() && !has(all, one)) all.push_back(one);
      }
    });
    return joined(all, ", ");
  }

  std::string outputs() const {
    std::vector<std::string> all;
    for_each_sink([&](sink const& s) {
      operand const& o = plan_.operands[s.operand];
      std::string const text =
          s.to_gradients ? "gradients" : size_text(o.size) + " x " + std::to_string(o.channels) + type_text(o.type);
      if (!s.to_gradients || !has(all, text)) all.push_back(text);
    });
    return joined(all, ", ");
  }
  std::string offsets() const {
    std::vector<std::string> all;
    for_each_sink([&](sink const& s) {
      if (!s.to_gradients) all.push_back(grouped(plan_.operands[s.operand].offset));
    });
    return joined(all, " | ");
  }

 private:
  flat_graph const& net_;
  placement const& placed_;
  plan const& plan_;
  int step_;

  template <class F> void for_each(F&& f) const {
    plan_step const& s = plan_.steps[step_];
    for (int i = s.first; i < s.first + s.count; ++i) f(plan_.instructions[i]);
  }
  template <class F> void for_each_sink(F&& f) const {
    for_each([&](instruction const& i) {
      for (sink const& s : i.out)
        if (s.operand != none) f(s);
    });
  }
  static bool has(std::vector<std::string> const& all, std::string const& one) {
    for (auto const& text : all)
      if (text == one) return true;
    return false;
  }
  static std::string joined(std::vector<std::string> const& all, char const* between) {
    std::string text;
    for (auto const& one : all) text += (text.empty() ? "" : between) + one;
    return text;
  }
  static std::string type_text(element e) {
    return e == element::f32 ? "" : " of " + std::to_string(bits_of(e)) + " bits";
  }

  /// The layer's own word. In the backward pass dx is the gradient of its input, dw and db of its parameters; a
  /// forward op that runs there makes its value again.
  std::string leaf_text(op const& o, bool backward, path const& where) const {
    bool const numbered = !where.empty() && !is_view(o.kind) && o.kind != op_kind::activate &&
                          o.kind != op_kind::activate_grad && o.kind != op_kind::mirror_grad;
    std::string const word = numbered ? label_text(net_, where[where.size() - 1]) : op_name(net_, o);
    switch (o.kind) {
      case op_kind::convolve_grad_weight:
      case op_kind::up_convolve_grad_weight:
        return word + " dw";
      case op_kind::bias_grad:
        return word + " db";
      case op_kind::norm_statistics:
        return word + " statistics";
      case op_kind::norm_grad_statistics:
        return word + " dw + " + word + " db";
      default:
        break;
    }
    if (!backward || is_view(o.kind) || is_loss(o.kind) || o.kind == op_kind::add) return word;
    if (o.kind > op_kind::loss || o.kind == op_kind::drop) return word + " dx";
    return where.empty() ? word : word + " again";  // no layer's: it enlarges what is supervised
  }
  static int shared(path const& a, path const& b) {
    int n = 0;
    while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
    return n;
  }
  std::size_t prefix_length(path const& where, int count) const {
    if (count == 0) return 0;
    return path_text(net_, where, count).size() + (count < where.size() ? 3 : 0);
  }

  /// The buffer that an operand sees: the only one that lies there and is alive.
  std::string origin(operand const& o) const {
    std::string text = "nothing";
    for (buffer const& b : placed_.buffers)
      if (b.offset == o.offset && b.born < step_ && step_ <= b.dies)
        text = b.born == none ? op_name(net_, net_.producer(b.value)) : std::to_string(b.born + 1);
    extent const nowhere{0, 0, 0};
    if (o.count < o.channels)
      text += " channels " + std::to_string(o.first_channel) + "-" + std::to_string(o.first_channel + o.count - 1);
    if (o.mirrored) return text + " mirrored";
    if (o.shift == nowhere) return text;
    return text + (o.shift.depth + o.shift.height + o.shift.width > 0 ? " cropped" : " padded");
  }
};

}  // namespace detail

/// One row per step, numbered from 1. `read` and `written` count each tensor once; offsets are bytes in the arena.
inline std::string plan_table(fused_graph const& fused, placement const& placed, plan const& steps) {
  text_table table{{">step", "fused ops", "reads steps", "writes", ">multiply-adds", ">read", ">written", "at byte"},
                   {}};
  for (int s = 0; s < steps.steps.size(); ++s) {
    plan_step const& step = steps.steps[s];
    detail::step_text const words{fused, placed, steps, s};
    auto const bytes = [](std::int64_t n) { return n ? bytes_text(n) : std::string{}; };
    table.rows.push_back({std::to_string(s + 1), words.ops(), words.inputs(), words.outputs(),
                          step.multiply_adds ? short_count(step.multiply_adds) : "", bytes(step.bytes_read),
                          bytes(step.bytes_written), words.offsets()});
  }
  int kernels = 0;
  for (int s = 0; s < steps.steps.size(); ++s) {
    bool first = true;
    for (int k = 0; k < s; ++k) first = first && !(steps.steps[k].what == steps.steps[s].what);
    kernels += first;
  }
  return table.text() + "\n" + std::to_string(steps.steps.size()) + " steps of " + std::to_string(kernels) +
         " forms, " + short_count(steps.multiply_adds()) + " multiply-adds. Arena " + bytes_text(steps.peak_bytes) +
         "; what is alive at the worst step is " + bytes_text(steps.bound_bytes) + ", so no placement needs less.\n";
}

/// A program, model::inference or model::training, as a table of its steps.
template <class Program> std::string describe_plan() {
  return plan_table(Program::fused, Program::placed, Program::steps);
}

}  // namespace oxbow
