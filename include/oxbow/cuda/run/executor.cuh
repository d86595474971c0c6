// A program on the device: one piece of memory, its steps, and the graph that runs them all.
#pragma once
#include <cstring>
#include <utility>

#include <oxbow/core/random_key.hpp>
#include <oxbow/cuda/run/device.cuh>
#include <oxbow/cuda/run/memory.cuh>
#include <oxbow/cuda/run/reductions.cuh>
#include <oxbow/cuda/run/tile_layout.cuh>
#include <oxbow/lower/program.hpp>

namespace oxbow::on_cuda {

/// The tables of a program that are needed at run time, cut to their size: only these reach the binary.
template <class Program> struct tables {
  static constexpr auto const& whole = Program::steps;

  template <class T, int N> struct table { T items[N > 0 ? N : 1]; };
  template <class T, int N, class List> static constexpr table<T, N> cut(List const& from) {
    table<T, N> t{};
    for (int i = 0; i < N; ++i) t.items[i] = from.items[i];
    return t;
  }
  static constexpr int steps = whole.steps.size(), instruction_count = whole.instructions.size(),
                       operand_count = whole.operands.size(), parameter_count = Program::graph.parameters.size();
  static constexpr auto instructions = cut<instruction, instruction_count>(whole.instructions);
  static constexpr auto operands = cut<operand, operand_count>(whole.operands);
  static constexpr auto parameters = cut<parameter, parameter_count>(Program::graph.parameters);
};

/// Runs one program in the order of one stream. What changes from run to run is uploaded from pinned memory while the
/// run before goes on; the steps are captured once, as one graph.
template <class Program> class executor {
  using t = tables<Program>;

 public:
  /// program: "inference" or "training", for errors. parameters and gradients: on the device.
  /// repack: weights change before every run. each_step: no graph; every step is waited for, so that errors name it
  executor(device const& on, cudaStream_t order, char const* program, float* parameters, float* gradients,
           float const* scale, bool repack, bool each_step)
      : device_{on}, order_{order}, name_{program}, scale_{scale}, repack_{repack}, each_step_{each_step} {
    prepare(std::make_integer_sequence<int, t::steps>{});
    take_memory();
    context_.parameters = parameters, context_.gradients = gradients;
    copies_ = make_stream();
    for (upload& u : uploads_) u.arrived = make_event(), u.taken = make_event();
  }

  static constexpr operand const& image() { return t::operands.items[t::whole.image]; }
  static constexpr operand const& labels() { return t::operands.items[t::whole.labels]; }
  static constexpr operand const& weights() { return t::operands.items[t::whole.weights]; }
  static constexpr operand const& output() { return t::operands.items[t::whole.output]; }

  std::int64_t bytes() const { return memory_.bytes(); }
  /// How many kernels a run launches.
  int launches() const { return launches_; }
  float const* result() const { return reinterpret_cast<float const*>(context_.arena + output().offset); }
  cudaStream_t order() const { return order_; }

  /// Pinned memory for the next run's image, labels and weights, in the layout of the arena; waits until the run before
  /// the last has taken what lay there.
  struct input {
    float* image;
    std::uint8_t* labels;
    float* weights;
  };
  input next_input() {
    upload& u = uploads_[next_];
    if (u.used) check(cudaEventSynchronize(u.taken.get()), "cudaEventSynchronize", name_ + " uploads");
    std::byte* const p = pinned_.data() + next_ * upload_bytes_;
    return {reinterpret_cast<float*>(p), reinterpret_cast<std::uint8_t*>(p + at_labels_),
            reinterpret_cast<float*>(p + at_weights_)};
  }

  /// Queues an upload of the last next_input() and a run. Nothing is waited for.
  void run(random_key key, float label_factor, bool accumulate) {
    send(key, label_factor, accumulate);
    if (repack_ || stale_) {
      if (!repack_) pack(order_);
      stale_ = false;
    }
    if (each_step_) return steps(true);
    if (!graph_) capture();
    check(cudaGraphLaunch(graph_.get(), order_), "cudaGraphLaunch", name_ + " program");
  }
  /// Weights have changed: pack them before the next run.
  void weights_changed() { stale_ = true; }

 private:
  struct upload {
    event arrived, taken;
    bool used = false;
  };

  template <int... I> void prepare(std::integer_sequence<int, I...>) {
    for (operand const& o : t::operands.items) operands_.push_back(stored_of(o));
    for (instruction const& i : t::instructions.items) {
      ops_.push_back(tile_op_of(i, t::parameters.items, t::parameter_count));
      if (i.kind != op_kind::mirror) continue;
      for (int n = 0; n < i.in[0].count; ++n)  // a mirror that is a step of its own sees its operands mirrored
        operands_[static_cast<std::size_t>(i.in[0].first + n)].mirrored = 1;
    }
    for (int i = 0; i < t::instruction_count; ++i) lay_out_weights(i);
    steps_.reserve(t::steps);
    (prepare_step<I>(), ...);
  }

  void lay_out_weights(int i) {
    instruction const& o = t::instructions.items[i];
    if (!reads_weights(o.kind)) return;
    weight_layout w = layout_of(o, t::parameters.items);
    w.to = packed_floats_, packed_floats_ += w.floats();
    if (w.bias >= 0) w.bias_to = packed_floats_, packed_floats_ += w.outputs();
    w.first_block = pack_blocks_;
    pack_blocks_ += static_cast<int>(blocks_for(w.floats(), pack_plain::threads));
    ops_[static_cast<std::size_t>(i)].weights = w.to;
    ops_[static_cast<std::size_t>(i)].bias = w.bias >= 0 ? w.bias_to : none;
    uses_.push_back(w);
  }

  /// Equal forms name the same kernel, so each is instantiated once.
  template <int I> void prepare_step() {
    constexpr form what = t::whole.steps.items[I].what;
    constexpr int first = t::whole.steps.items[I].first;
    prepared_step& s = steps_.emplace_back();
    s.name = step_name(name_.c_str(), I, what);
    instruction const* const own = t::instructions.items + first;
    if constexpr (is_reduction(what.kind(what.anchor))) {
      for (int n = 0; n < what.count; ++n) {
        add_reduction(s, own[n], t::operands.items, t::parameters.items);
        launches_ += 2;
      }
    } else {
      using kernel = tile_step<what, loss_of_step(I), classes_of_step(I)>;
      tile_layout const laid{op_kinds{what.kinds, what.count, what.anchor},
                             std::span{ops_}.subspan(first, static_cast<std::size_t>(what.count)),
                             tile_unit(own, what.count, what.anchor),
                             sizeof(typename kernel::storage),
                             device_.shared_bytes,
                             s.name};
      s.launches.push_back([tiles = laid.tiles, bytes = laid.bytes, &s](run_context const& c, cudaStream_t order) {
        launch<kernel>({c.ops + first, c.operands, c.arena, c.parameters, c.packed, c.run, tiles}, tiles.blocks(),
                       order, s.name, bytes);
      });
      ++launches_;
    }
    sums_ = std::max(sums_, s.sums), partial_ = std::max(partial_, s.partial);
  }

  /// The loss that a step needs a kernel of its own for, and its classes; else those of every other step.
  static constexpr loss_function const* loss_of_step(int step, int* classes = nullptr) {
    plan_step const& s = t::whole.steps.items[step];
    for (int i = s.first; i < s.first + s.count; ++i)
      if (instruction const& o = t::whole.instructions.items[i]; o.kind == op_kind::loss && !o.loss->plain) {
        if (classes != nullptr) *classes = o.in_channels;
        return o.loss;
      }
    return &loss_of<cross_entropy>::self;
  }
  static constexpr int classes_of_step(int step) {
    int classes = 1;
    loss_of_step(step, &classes);
    return classes;
  }

  void take_memory() {
    carver c;
    std::int64_t const arena = c.take(Program::peak_bytes), packed = c.take(packed_floats_ * 4);
    std::int64_t const sums = c.take(sums_ * 8), partial = c.take(partial_ * 4);
    carver table;
    std::int64_t const ops = table.take(bytes_of(ops_)), operands = table.take(bytes_of(operands_)),
                       uses = table.take(bytes_of(uses_));
    std::int64_t const tables_at = c.take(table.bytes()), run = c.take(sizeof(run_scalars));
    carver up;
    up.take(layout::bytes(image().size, image().channels, 32));
    if constexpr (t::whole.labels != none) {
      at_labels_ = up.take(labels().size.volume());
      at_weights_ = up.take(weights().size.volume() * 4);
    }
    at_scalars_ = up.take(sizeof(run_scalars));
    upload_bytes_ = up.bytes();
    std::int64_t const staged = c.take(2 * upload_bytes_);
    memory_ = device_memory{
        c.bytes(), order_,
        "the memory of the " + name_ + " program (" + megabytes(Program::peak_bytes) + " of which the plan's arena)"};
    std::byte* const p = memory_.data();
    context_.arena = p + arena, context_.packed = reinterpret_cast<float*>(p + packed);
    context_.sums = reinterpret_cast<double*>(p + sums), context_.partial = reinterpret_cast<float*>(p + partial);
    context_.ops = reinterpret_cast<tile_op const*>(p + tables_at + ops);
    context_.operands = reinterpret_cast<stored const*>(p + tables_at + operands);
    device_uses_ = reinterpret_cast<weight_layout const*>(p + tables_at + uses);
    context_.run = reinterpret_cast<run_scalars const*>(p + run);
    staged_ = p + staged;
    pinned_ = pinned_memory{2 * upload_bytes_, name_ + " uploads"};
    std::memset(pinned_.data(), 0, static_cast<std::size_t>(2 * upload_bytes_));
    // From pageable memory: the call returns when the tables have been read.
    copy(p + tables_at + ops, ops_.data(), bytes_of(ops_), order_, name_ + " tables");
    copy(p + tables_at + operands, operands_.data(), bytes_of(operands_), order_, name_ + " tables");
    copy(p + tables_at + uses, uses_.data(), bytes_of(uses_), order_, name_ + " tables");
    wait(order_, name_ + " tables");
  }
  template <class T> static std::int64_t bytes_of(std::vector<T> const& v) {
    return static_cast<std::int64_t>(v.size() * sizeof(T));
  }

  /// From pinned memory to a place of its own on the device, on the stream for copies, while the run before goes on;
  /// from there into the arena in the order of the runs.
  void send(random_key key, float label_factor, bool accumulate) {
    upload& u = uploads_[next_];
    std::byte *const from = pinned_.data() + next_ * upload_bytes_, *const there = staged_ + next_ * upload_bytes_;
    run_scalars scalars;
    scalars.seed = key.seed, scalars.step = key.step, scalars.sample = key.sample;
    scalars.label_factor = label_factor, scalars.accumulate = accumulate, scalars.scale = scale_;
    std::memcpy(from + at_scalars_, &scalars, sizeof scalars);
    std::string const what = name_ + " uploads";
    copy(there, from, upload_bytes_, copies_.get(), what);
    check(cudaEventRecord(u.arrived.get(), copies_.get()), "cudaEventRecord", what);
    check(cudaStreamWaitEvent(order_, u.arrived.get()), "cudaStreamWaitEvent", what);
    copy(context_.arena + image().offset, there, layout::bytes(image().size, image().channels, 32), order_, what);
    if constexpr (t::whole.labels != none) {
      copy(context_.arena + labels().offset, there + at_labels_, labels().size.volume(), order_, what);
      copy(context_.arena + weights().offset, there + at_weights_, weights().size.volume() * 4, order_, what);
    }
    copy(const_cast<run_scalars*>(context_.run), there + at_scalars_, sizeof scalars, order_, what);
    check(cudaEventRecord(u.taken.get(), order_), "cudaEventRecord", what);
    u.used = true;
    next_ = 1 - next_;
  }

  void pack(cudaStream_t s) const {
    launch<pack_plain>({device_uses_, static_cast<int>(uses_.size()), context_.parameters, context_.packed},
                         pack_blocks_, s, name_ + " packed weights");
  }
  void steps(bool wait_for_each) {
    if (repack_) pack(order_);
    for (prepared_step const& s : steps_) {
      for (auto const& l : s.launches) l(context_, order_);
      if (wait_for_each) wait(order_, s.name);
    }
  }
  void capture() {
    std::string const what = name_ + " program";
    check(cudaStreamBeginCapture(order_, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture", what);
    cudaGraph_t g = nullptr;
    try {
      steps(false);
    } catch (...) {
      cudaStreamEndCapture(order_, &g);
      if (g != nullptr) cudaGraphDestroy(g);
      throw;
    }
    check(cudaStreamEndCapture(order_, &g), "cudaStreamEndCapture", what);
    graph const captured{g};
    cudaGraphExec_t e = nullptr;
    check(cudaGraphInstantiate(&e, g, 0), "cudaGraphInstantiate", what);
    graph_ = graph_exec{e};
  }

  device device_;
  cudaStream_t order_;
  std::string name_;
  float const* scale_;
  bool repack_, each_step_, stale_ = true;
  std::vector<tile_op> ops_;
  std::vector<stored> operands_;
  std::vector<weight_layout> uses_;
  std::vector<prepared_step> steps_;
  std::int64_t packed_floats_ = 0, sums_ = 0, partial_ = 0;
  std::int64_t at_labels_ = 0, at_weights_ = 0, at_scalars_ = 0, upload_bytes_ = 0;
  int pack_blocks_ = 0, launches_ = 1, next_ = 0;
  device_memory memory_;
  pinned_memory pinned_;
  std::byte* staged_ = nullptr;
  weight_layout const* device_uses_ = nullptr;
  run_context context_{};
  stream copies_;
  upload uploads_[2];
  graph_exec graph_;
};

}  // namespace oxbow::on_cuda
