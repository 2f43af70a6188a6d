//! Charts as figures of a paper: PDF and PNG of a given width, with text of a given size.
//!
//! A figure is laid out anew for its width, as a page lays its charts out anew for a phone: lines break and ticks thin out
//! until the text stands at its size. The fonts are the program's own and are embedded, so that a figure looks the same, and
//! has the same bytes, wherever it is drawn.

#[cfg(feature = "figures")]
mod pdf;

use super::chart::{Chart, Medium, SMALL};

/// Points in an inch.
const INCH: f64 = 72.0;
/// Narrower than this many widths of its text a chart has no room for its labels.
const LEAST_EMS: f64 = 22.0;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Vectors, with the fonts embedded.
    Pdf,
    /// Pixels, 300 to the inch.
    Png,
}

impl Format {
    /// Names on the command line.
    pub const ALL: [(&str, Format); 2] = [("pdf", Format::Pdf), ("png", Format::Png)];

    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Pdf => "pdf",
            Format::Png => "png",
        }
    }
}

/// A length on paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    points: f64,
}

impl Length {
    /// Reads `3.3in`, `84mm`, `8.4cm` or `240pt`.
    ///
    /// # Errors
    /// It is no length, or none that a page has.
    pub fn parse(text: &str) -> Result<Length, String> {
        let units = [("in", INCH), ("mm", INCH / 25.4), ("cm", INCH / 2.54), ("pt", 1.0)];
        let read = units.iter().find_map(|(unit, points)| {
            Some(text.strip_suffix(unit)?.trim_end().parse::<f64>().ok()? * points)
        });
        match read {
            None => Err(format!("`{text}` is no length: expected one such as 3.3in, 84mm, 8.4cm or 240pt")),
            Some(points) if (1.0..=50.0 * INCH).contains(&points) => Ok(Length { points }),
            Some(_) => Err(format!("`{text}` is not between 1pt and 50in")),
        }
    }
}

/// Which figures are wanted, and how large.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    formats: Vec<Format>,
    width: Length,
    text: Length,
}

impl Figures {
    /// The width of a column of a paper in two columns.
    pub const WIDTH: &str = "3.3in";
    /// The size of labels.
    pub const TEXT: &str = "7pt";

    /// Figures `width` wide whose labels have the size `text`.
    ///
    /// # Errors
    /// There would be no room for the labels.
    pub fn new(formats: Vec<Format>, width: Length, text: Length) -> Result<Figures, String> {
        match width.points / text.points {
            ems if ems < LEAST_EMS => Err(format!(
                "figures of {:.0} pt have no room for text of {} pt: at most {:.1} pt",
                width.points,
                text.points,
                width.points / LEAST_EMS
            )),
            _ => Ok(Figures { formats, width, text }),
        }
    }

    /// The chart in each format.
    pub(super) fn drawn(&self, chart: &dyn Chart) -> Vec<(Format, Vec<u8>)> {
        let points = self.text.points / SMALL;
        let svg = chart.draw(Medium::Paper((self.width.points / points).round() as u32));
        self.formats.iter().map(|format| (*format, rendered(&svg, *format, self.width.points))).collect()
    }
}

#[cfg(feature = "figures")]
mod render {
    use std::sync::{Arc, LazyLock};

    use svg2pdf::usvg::fontdb::Database;
    use svg2pdf::usvg::{Options, Tree};
    use svg2pdf::{ConversionOptions, PageOptions};

    use super::{Format, INCH};

    /// Pixels to the inch, and to the meter.
    const DPI: f64 = 300.0;
    const PER_METER: u32 = (DPI / 0.0254) as u32;

    /// Nothing of the machine: its fonts would change the bytes.
    static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
        let mut fonts = Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.load_font_data(dejavu::sans::bold().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    });

    pub fn rendered(svg: &str, format: Format, width: f64) -> Vec<u8> {
        let options = Options {
            fontdb: Arc::clone(&FONTS),
            font_family: "DejaVu Sans".to_owned(),
            ..Options::default()
        };
        let tree = Tree::from_str(svg, &options).expect("a chart is an SVG document");
        let scale = width / f64::from(tree.size().width());
        match format {
            Format::Pdf => {
                let page = PageOptions { dpi: (INCH / scale) as f32 };
                let pdf = svg2pdf::to_pdf(&tree, ConversionOptions::default(), page);
                let pdf = pdf.expect("a chart has nothing odd");
                super::pdf::ordered(&pdf).expect("svg2pdf writes plain tables")
            }
            Format::Png => png(&tree, scale * DPI / INCH),
        }
    }

    fn png(tree: &Tree, scale: f64) -> Vec<u8> {
        use resvg::tiny_skia::{Pixmap, Transform};
        let pixels = |length: f32| (f64::from(length) * scale).round() as u32;
        let mut map = Pixmap::new(pixels(tree.size().width()), pixels(tree.size().height()))
            .expect("figures are between 22 points and 50 inches wide");
        resvg::render(tree, Transform::from_scale(scale as f32, scale as f32), &mut map.as_mut());
        with_resolution(map.encode_png().expect("memory takes it"))
    }

    /// The same picture, which now says how many pixels an inch has: the chunk pHYs, after the header of 33 bytes.
    fn with_resolution(mut png: Vec<u8>) -> Vec<u8> {
        let mut chunk = b"pHYs".to_vec();
        chunk.extend([PER_METER.to_be_bytes(), PER_METER.to_be_bytes()].concat());
        chunk.push(1);
        let mut sum = flate2::Crc::new();
        sum.update(&chunk);
        let length = (chunk.len() as u32 - 4).to_be_bytes();
        png.splice(33..33, [&length[..], &chunk, &sum.sum().to_be_bytes()].concat());
        png
    }
}

#[cfg(feature = "figures")]
use render::rendered;

/// Nobody can ask for figures of a build without them.
#[cfg(not(feature = "figures"))]
fn rendered(_svg: &str, _format: Format, _width: f64) -> Vec<u8> {
    unreachable!("formats are refused without the feature `figures`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_four_units() {
        for text in ["3.5in", "88.9mm", "8.89cm", "252pt", "252 pt"] {
            assert!((Length::parse(text).unwrap().points - 252.0).abs() < 1e-9, "{text}");
        }
        for text in ["", "in", "3.3", "3.3 px", "-1in", "0mm", "1e9in", "NaNpt"] {
            assert!(Length::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn text_needs_room() {
        let figures = |text| {
            Figures::new(vec![Format::Pdf], Length::parse("3.3in").unwrap(), Length::parse(text).unwrap())
        };
        assert!(figures("10pt").is_ok());
        assert!(figures("11pt").unwrap_err().contains("at most 10.8 pt"));
    }

    #[cfg(feature = "figures")]
    mod drawn {
        use std::io::Read as _;

        use super::*;
        use crate::report::chart::{Axis, LineChart, Panel, Series, Unit};

        fn chart() -> LineChart {
            let series =
                |name: &str, at: f64| Series::new(name, vec![(at, 0.2), (2.0 * at, 0.9), (5.0 * at, 1.0)]);
            LineChart::new("Latency of two systems", Axis::new("latency", Unit::Seconds).log()).panel(
                Panel::new(Axis::new("share of requests", Unit::Share).from_zero())
                    .series(series("this", 0.1))
                    .series(series("that", 0.13)),
            )
        }

        fn figures(width: &str, text: &str) -> Vec<(Format, Vec<u8>)> {
            let length = |text: &str| Length::parse(text).unwrap();
            let asked = Figures::new(vec![Format::Pdf, Format::Png], length(width), length(text));
            asked.unwrap().drawn(&chart())
        }

        fn contains(bytes: &[u8], part: &str) -> bool {
            bytes.windows(part.len()).any(|window| window == part.as_bytes())
        }

        /// The streams of a PDF, unpacked.
        fn streams(pdf: &[u8]) -> Vec<u8> {
            let mut all = Vec::new();
            for at in (0..pdf.len()).filter(|at| pdf[*at..].starts_with(b"stream\n")) {
                let mut text = Vec::new();
                // What is no compressed stream has nothing to read.
                let _ = flate2::read::ZlibDecoder::new(&pdf[at + 7..]).read_to_end(&mut text);
                all.extend(text);
            }
            all
        }

        #[test]
        fn a_pdf_is_as_wide_as_asked_and_holds_its_fonts() {
            for (width, points) in [("3.3in", 237.6), ("178mm", 178.0 / 25.4 * 72.0)] {
                let drawn = figures(width, "7pt");
                let pdf = &drawn[0].1;
                assert!(pdf.starts_with(b"%PDF-"));
                let text = String::from_utf8_lossy(pdf);
                let size = text.split("/MediaBox [0 0 ").nth(1).unwrap().split(' ').next().unwrap();
                assert!((size.parse::<f64>().unwrap() - points).abs() < 0.01, "{width}: {size}");
                let fonts = text.matches("/Type /FontDescriptor").count();
                assert_eq!(fonts, 2, "regular and bold");
                assert_eq!(text.matches("/FontFile").count(), fonts, "each is embedded");
                let named: Vec<&str> = text.split("/FontName /").skip(1).collect();
                assert!(
                    named.len() == fonts && named.iter().all(|name| name[6..].starts_with("+DejaVuSans"))
                );
                // Text stays text, by which it is found and copied.
                assert!(contains(&streams(pdf), " Tf"), "{width}");
                assert_eq!(drawn, figures(width, "7pt"), "the same bytes");
            }
        }

        #[test]
        fn a_png_has_300_pixels_to_the_inch_and_says_so() {
            let drawn = figures("3.3in", "7pt");
            let png = &drawn[1].1;
            assert_eq!(png[16..20], 990_u32.to_be_bytes());
            assert_eq!(&png[37..41], b"pHYs");
            assert_eq!(png[41..45], 11_811_u32.to_be_bytes());
        }

        /// The chart is laid out so that its labels have the size that was asked for.
        #[test]
        fn labels_have_the_size_that_was_asked_for() {
            for (width, text) in [(237.6, 6.0), (237.6, 7.0), (237.6, 9.0), (504.0, 8.0)] {
                let pixels = (width / (text / SMALL)).round();
                let svg = chart().draw(Medium::Paper(pixels as u32));
                // Tenths of a pixel.
                let label = format!("font-size=\"{}\"", SMALL * 10.0);
                assert!(svg.contains(&label), "{label}: {svg}");
                assert!((SMALL * width / pixels / text - 1.0).abs() < 0.002, "{width} {text}");
                assert!(svg.contains("stroke-dasharray"), "lines are told apart without colours");
            }
        }
    }
}
