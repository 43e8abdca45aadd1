#include "base/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace rockmate {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The length of the UTF-8 character at the head of `text`; 0 where there is none that XML allows.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned head = byte(0);
  if (head < 0x80) return head >= 0x20 && head != 0x7F ? 1 : 0;
  const std::size_t length = head >= 0xF0 ? 4 : head >= 0xE0 ? 3 : 2;
  if (head < 0xC2 || head > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  const unsigned second = byte(1);
  const bool overlong = (head == 0xE0 && second < 0xA0) || (head == 0xF0 && second < 0x90);
  const bool beyond = (head == 0xED && second > 0x9F) || (head == 0xF4 && second > 0x8F);
  const bool not_a_character = head == 0xEF && second == 0xBF && byte(2) >= 0xBE;
  return overlong || beyond || not_a_character ? 0 : length;
}

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(std::max<std::size_t>(1, character_length(text)));
    ++count;
  }
  return count;
}

// A tenth of a pixel is enough, and short numbers keep files small.
std::string number(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string stroke_attributes(const Stroke& stroke) {
  std::string attributes =
      fmt::format("stroke=\"{}\" stroke-width=\"{}\"", stroke.colour, number(stroke.width));
  if (!stroke.dashes.empty()) attributes += fmt::format(" stroke-dasharray=\"{}\"", stroke.dashes);
  return attributes;
}

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) {
      escaped += kReplacement;
    } else if (text[0] == '&') {
      escaped += "&amp;";
    } else if (text[0] == '<') {
      escaped += "&lt;";
    } else if (text[0] == '>') {
      escaped += "&gt;";
    } else if (text[0] == '"') {
      escaped += "&quot;";
    } else {
      escaped += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return escaped;
}

std::string shortened(std::string_view text, std::size_t most) {
  if (characters(text) <= most) return std::string(text);
  std::string cut;
  for (std::size_t count = 0; count + 1 < most; ++count) {
    const std::size_t length = std::max<std::size_t>(1, character_length(text));
    cut += text.substr(0, length);
    text.remove_prefix(length);
  }
  return cut + "\xE2\x80\xA6";
}

double text_width(std::string_view text, double font_size) {
  return 0.57 * font_size * static_cast<double>(characters(text));
}

PathData& PathData::move(double x, double y) {
  text_.append("M").append(number(x)).append(" ").append(number(y));
  return *this;
}
PathData& PathData::line(double x, double y) {
  text_.append("L").append(number(x)).append(" ").append(number(y));
  return *this;
}
PathData& PathData::horizontal(double x) {
  text_.append("H").append(number(x));
  return *this;
}
PathData& PathData::vertical(double y) {
  text_.append("V").append(number(y));
  return *this;
}
PathData& PathData::close() {
  text_ += "Z";
  return *this;
}

Svg::Svg(double width, double height, std::string_view title) {
  document_ = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" role=\"img\" font-family=\"Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', "
      "sans-serif\">\n<title>{2}</title>\n",
      number(width), number(height), escape_xml(title));
  rect(0, 0, width, height, "#ffffff");
}

void Svg::rect(double x, double y, double width, double height, std::string_view fill,
               double corner) {
  fmt::format_to(std::back_inserter(document_),
                 "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"", number(x),
                 number(y), number(width), number(height), fill);
  if (corner > 0) document_ += fmt::format(" rx=\"{}\"", number(corner));
  document_ += "/>\n";
}

void Svg::line(double x1, double y1, double x2, double y2, const Stroke& stroke) {
  document_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>\n", number(x1),
                           number(y1), number(x2), number(y2), stroke_attributes(stroke));
}

void Svg::circle(double x, double y, double radius, std::string_view fill) {
  document_ += fmt::format(
      "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\" stroke=\"#ffffff\" "
      "stroke-width=\"1.5\"/>\n",
      number(x), number(y), number(radius), fill);
}

void Svg::fill(const PathData& path, std::string_view colour) {
  if (path.empty()) return;
  document_ += fmt::format("<path d=\"{}\" fill=\"{}\"/>\n", path.text(), colour);
}

void Svg::stroke(const PathData& path, const Stroke& stroke) {
  if (path.empty()) return;
  document_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke-linejoin=\"round\" {}/>\n",
                           path.text(), stroke_attributes(stroke));
}

void Svg::text(double x, double y, std::string_view text, const TextStyle& style) {
  std::string attributes;
  if (style.anchor != "start") attributes += fmt::format(" text-anchor=\"{}\"", style.anchor);
  if (style.bold) attributes += " font-weight=\"600\"";
  if (style.halo) {
    attributes +=
        " stroke=\"#ffffff\" stroke-width=\"3.5\" stroke-linejoin=\"round\" "
        "paint-order=\"stroke\"";
  }
  document_ +=
      fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{}>{}</text>\n", number(x),
                  number(y), number(style.size), style.colour, attributes, escape_xml(text));
}

std::string Svg::finish() && { return std::move(document_) + "</svg>\n"; }

}  // namespace rockmate
