// A small writer of SVG: shapes are appended, the document is a string. Coordinates are pixels, y
// grows downwards. What it returns is well-formed XML whatever the texts hold.
#pragma once

#include <string>
#include <string_view>

namespace rockmate {

/// Escapes markup; characters that XML forbids and bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string escape_xml(std::string_view text);

/// At most `most` characters of UTF-8 text; one that was cut ends in an ellipsis.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most);

/// A rough width in pixels: there are no font metrics here. Sans-serif, a little on the wide side.
[[nodiscard]] double text_width(std::string_view text, double font_size);

struct TextStyle {
  double size = 12;
  std::string_view colour = "#334155";
  std::string_view anchor = "start";  ///< start, middle, end
  bool bold = false;
  bool halo = false;  ///< a white rim, for text over a drawing
};

struct Stroke {
  std::string_view colour;
  double width = 1;
  std::string_view dashes = {};  ///< as in stroke-dasharray
};

/// The data of a path: "M1 2.5H3V4".
class PathData {
 public:
  PathData& move(double x, double y);
  PathData& line(double x, double y);
  PathData& horizontal(double x);
  PathData& vertical(double y);
  PathData& close();
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

class Svg {
 public:
  /// `title` is what a screen reader says. The background is white.
  Svg(double width, double height, std::string_view title);

  void rect(double x, double y, double width, double height, std::string_view fill,
            double corner = 0);
  void line(double x1, double y1, double x2, double y2, const Stroke& stroke);
  void circle(double x, double y, double radius, std::string_view fill);
  void fill(const PathData& path, std::string_view colour);
  void stroke(const PathData& path, const Stroke& stroke);
  void text(double x, double y, std::string_view text, const TextStyle& style = {});

  [[nodiscard]] std::string finish() &&;

 private:
  std::string document_;
};

}  // namespace rockmate
