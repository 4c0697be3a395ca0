// SPDX-License-Identifier: Apache-2.0
#include "engine/ops.h"

namespace peclr::ops {

Variable conv2d(Tape& tape, const Variable& x, Parameter& w, const ConvSpec& spec, DType compute) {
  const Shape &xs = x.value.shape(), &ws = w.shape;
  const bool padded_pictures = ws[3] == 3 && xs[3] > 3;  // Backend::pictures
  check(xs.rank() == 4 && ws.rank() == 4 && (xs[3] == ws[3] || padded_pictures) && ws[1] == ws[2],
        "conv2d {}: input {} does not fit weights {}", w.name, xs.text(), ws.text());
  const std::int64_t height = (xs[1] + 2 * spec.padding - ws[1]) / spec.stride + 1;
  const std::int64_t width = (xs[2] + 2 * spec.padding - ws[1]) / spec.stride + 1;
  check(xs[1] + 2 * spec.padding >= ws[1] && xs[2] + 2 * spec.padding >= ws[1],
        "conv2d {}: input {} is smaller than the {}x{} window", w.name, xs.text(), ws[1], ws[1]);
  Backend& backend = x.value.backend();
  Tensor y = backend.activation({xs[0], height, width, ws[0]}, compute);
  backend.conv_forward(spec, x.value, w.value, y);
  return tape.record_summed(y, [&tape, x, &w, spec, compute](const Tensor& dy) {
    Backend& device = dy.backend();
    device.conv_backward_weights(spec, x.value, dy, w.grad, w.next_write());
    if (x.node < 0) return;
    Tensor dx = device.activation(x.value.shape(), compute);
    device.conv_backward_data(spec, dy, w.value, dx);
    tape.send(x, std::move(dx));
  });
}

Variable norm_act(Tape& tape, const Variable& x, const NormLayer& layer, const NormSpec& spec,
                  const Variable* residual) {
  const Shape& shape = x.value.shape();
  check(shape.last() == layer.gamma->shape.count(), "norm_act {}: input {} against {} channels",
        layer.gamma->name, shape.text(), layer.gamma->shape.count());
  check(!residual || residual->value.shape() == shape, "norm_act {}: residual {} beside input {}",
        layer.gamma->name, residual ? residual->value.shape().text() : "", shape.text());
  Backend& backend = x.value.backend();
  const NormWeights weights{layer.gamma->value, layer.beta->value, layer.running_mean->value,
                            layer.running_variance->value};
  const Tensor residual_value = residual ? residual->value : Tensor();
  Tensor y = shape.rank() == 4 ? backend.activation(shape, x.value.dtype())
                               : Tensor(backend, shape, x.value.dtype());
  if (!tape.training()) {
    backend.norm_evaluate(spec, weights, x.value, residual_value, y);
    return {y, -1};
  }
  const NormSaved saved{Tensor(backend, {2, shape.last()}, DType::f32),
                        residual ? backend.norm_signs(y) : Tensor()};
  backend.norm_train(spec, weights, x.value, residual_value, y, saved);
  ++layer.batches->value;
  return tape.record(
      y, [&tape, x, saved, layer, weights, spec, skip = residual ? *residual : Variable{}](
             const Tensor& dy, const Tensor& more) {
        Backend& device = dy.backend();
        Tensor dx = x.value.shape().rank() == 4 ? device.activation(x.value.shape(), dy.dtype())
                                                : Tensor(device, x.value.shape(), dy.dtype());
        layer.beta->next_write();
        const Backend::NormGradients out{dx, layer.gamma->grad, layer.beta->grad,
                                         layer.gamma->next_write()};
        device.norm_backward(spec, weights, x.value, saved, dy, more, out);
        tape.send(x, std::move(dx));
        if (saved.signs.defined()) tape.send(skip, dy);
      });
}

Variable max_pool(Tape& tape, const Variable& x) {
  const Shape& s = x.value.shape();
  check(s.rank() == 4, "max_pool: input {} is not [N, H, W, C]", s.text());
  Backend& backend = x.value.backend();
  const Shape pooled{s[0], (s[1] + 1) / 2, (s[2] + 1) / 2, s[3]};
  Tensor y = backend.activation(pooled, x.value.dtype());
  const Tensor where(backend, pooled, DType::u8);
  backend.max_pool(x.value, y, where);
  return tape.record_summed(y, [&tape, x, where](const Tensor& dy) {
    Tensor dx = dy.backend().activation(x.value.shape(), dy.dtype());
    dy.backend().max_pool_backward(dy, where, dx);
    tape.send(x, std::move(dx));
  });
}

Variable mean_pool(Tape& tape, const Variable& x) {
  const Shape& s = x.value.shape();
  check(s.rank() == 4, "mean_pool: input {} is not [N, H, W, C]", s.text());
  Backend& backend = x.value.backend();
  Tensor y(backend, {s[0], s[3]}, DType::f32);
  backend.mean_pool(x.value, y);
  return tape.record_summed(y, [&tape, x](const Tensor& dy) {
    Tensor dx = dy.backend().activation(x.value.shape(), x.value.dtype());
    dy.backend().mean_pool_backward(dy, dx);
    tape.send(x, std::move(dx));
  });
}

Variable linear(Tape& tape, const Variable& x, Parameter& w, Parameter* bias) {
  const Shape& xs = x.value.shape();
  check(xs.rank() == 2 && w.shape.rank() == 2 && xs[1] == w.shape[1],
        "linear {}: input {} does not fit weights {}", w.name, xs.text(), w.shape.text());
  Backend& backend = x.value.backend();
  Tensor y(backend, {xs[0], w.shape[0]}, DType::f32);
  backend.linear_forward(x.value, w.value, bias ? bias->value : Tensor(), y);
  return tape.record_summed(y, [&tape, x, &w, bias](const Tensor& dy) {
    Backend& device = dy.backend();
    if (bias) bias->next_write();
    device.linear_backward_weights(x.value, dy, w.grad, bias ? bias->grad : Tensor(),
                                   w.next_write());
    if (x.node < 0) return;
    Tensor dx(device, x.value.shape(), DType::f32);
    device.linear_backward_data(dy, w.value, dx);
    tape.send(x, std::move(dx));
  });
}

}  // namespace peclr::ops
