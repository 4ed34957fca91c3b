//! The encoding of a table's texts, which three places may say and none may know.
//!
//! The `.cpg` beside the table is asked first, then the language driver in its header (LDID), both only believed where the
//! texts can be read so. Drivers that say "Windows" mean as often nothing: then UTF-8 is taken where the texts are UTF-8, GBK
//! where their bytes come in the pairs of common Chinese characters, else Windows-1252.

use encoding_rs::{BIG5, EUC_KR, GB18030, GBK, IBM866, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How bytes become words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Encoding {
    /// One of the encodings of the web.
    Web(&'static encoding_rs::Encoding),
    /// A code page of DOS: the upper 128 characters.
    Dos(&'static str),
}

/// Code page 437 (IBM PC), characters 128 to 255.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// Code page 850 (DOS Latin 1), characters 128 to 255.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// Language drivers of dBASE and ArcGIS that say something.
const DRIVERS: &[(&[u8], Encoding)] = &[
    (&[0x01, 0x09, 0x0b, 0x0d, 0x0f, 0x11, 0x15, 0x18, 0x19, 0x1b], Encoding::Dos(CP437)),
    (&[0x02, 0x0a, 0x0e, 0x10, 0x12, 0x14, 0x16, 0x1a, 0x1d, 0x25, 0x37], Encoding::Dos(CP850)),
    (&[0x13, 0x7b], Encoding::Web(SHIFT_JIS)),
    (&[0x4d, 0x7a], Encoding::Web(GBK)),
    (&[0x4e, 0x79], Encoding::Web(EUC_KR)),
    (&[0x4f, 0x78], Encoding::Web(BIG5)),
    (&[0x26, 0x65], Encoding::Web(IBM866)),
    (&[0x50, 0x7c], Encoding::Web(encoding_rs::WINDOWS_874)),
    (&[0x7d], Encoding::Web(encoding_rs::WINDOWS_1255)),
    (&[0x7e], Encoding::Web(encoding_rs::WINDOWS_1256)),
    (&[0xc8], Encoding::Web(encoding_rs::WINDOWS_1250)),
    (&[0xc9], Encoding::Web(encoding_rs::WINDOWS_1251)),
    (&[0xca], Encoding::Web(encoding_rs::WINDOWS_1254)),
    (&[0xcb], Encoding::Web(encoding_rs::WINDOWS_1253)),
    (&[0xcc], Encoding::Web(encoding_rs::WINDOWS_1257)),
];

/// Bytes that are looked at.
const SAMPLE: usize = 256 * 1024;

impl Default for Encoding {
    fn default() -> Self {
        Self::Web(WINDOWS_1252)
    }
}

impl Encoding {
    /// The words of a field, without what fills it.
    pub fn text(self, bytes: &[u8]) -> String {
        match self {
            Self::Web(web) => {
                let (text, _) = web.decode_without_bom_handling(trimmed(web, bytes));
                text.trim_matches(['\0', ' ', '\u{feff}', '\u{fffd}']).to_owned()
            }
            Self::Dos(upper) => {
                let sign = |byte: &u8| match byte.checked_sub(128) {
                    Some(place) => upper.chars().nth(usize::from(place)).unwrap_or('\u{fffd}'),
                    None => char::from(*byte),
                };
                bytes.iter().map(sign).collect::<String>().trim_matches(['\0', ' ']).to_owned()
            }
        }
    }

    /// The name of a column: up to a zero; with a mark of UTF-16 all of it.
    pub fn name(self, bytes: &[u8]) -> String {
        if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
            return Self::Web(UTF_16LE).text(rest);
        }
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        // Names are narrow even in tables whose texts are wide.
        let narrow =
            if matches!(self, Self::Web(web) if web == UTF_16LE || web == UTF_16BE) { Self::default() } else { self };
        narrow.text(&bytes[..end])
    }

    /// Whether the bytes can be read so; a character may be cut at their end.
    fn fits(self, bytes: &[u8]) -> bool {
        let Self::Web(web) = self else { return true };
        let bytes = trimmed(web, bytes);
        (0..4_usize.min(bytes.len() + 1)).any(|cut| {
            let kept = bytes.get(..bytes.len() - cut).unwrap_or_default();
            web.decode_without_bom_handling_and_without_replacement(kept).is_some()
        })
    }

    fn label(self) -> &'static str {
        match self {
            Self::Web(web) => web.name(),
            Self::Dos(CP437) => "code page 437",
            Self::Dos(_) => "code page 850",
        }
    }
}

/// A field without the blanks that fill it; pairs of bytes stay whole.
fn trimmed<'a>(web: &'static encoding_rs::Encoding, bytes: &'a [u8]) -> &'a [u8] {
    if web == UTF_16LE || web == UTF_16BE {
        return bytes.get(..bytes.len() / 2 * 2).unwrap_or_default();
    }
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The encoding of texts of which a `.cpg` and a language driver may say something; and doubts about what they say.
pub(super) fn find<'a>(
    cpg: Option<&str>,
    driver: u8,
    texts: impl Iterator<Item = &'a [u8]>,
) -> (Encoding, Vec<String>) {
    let mut bytes = 0;
    let texts: Vec<&[u8]> = texts
        .filter(|text| text.iter().any(|byte| *byte >= 0x80 || *byte == 0))
        .take_while(|text| {
            bytes += text.len();
            bytes <= SAMPLE
        })
        .collect();
    let fits = |encoding: Encoding| texts.iter().all(|text| encoding.fits(text));
    let mut doubts = Vec::new();
    let said = cpg.map(str::trim).filter(|words| !words.is_empty()).and_then(|words| {
        let found = by_words(words);
        if found.is_none() {
            doubts.push(format!(
                "the .cpg says '{}', which is no encoding that is known",
                words.chars().take(40).collect::<String>()
            ));
        }
        found.map(|encoding| (encoding, ".cpg"))
    });
    let by_driver =
        DRIVERS.iter().find(|(drivers, _)| drivers.contains(&driver)).map(|(_, encoding)| (*encoding, ".dbf"));
    for (encoding, by) in said.into_iter().chain(by_driver) {
        if fits(encoding) {
            return (encoding, doubts);
        }
        doubts.push(format!("the {by} says {}, and the texts are not", encoding.label()));
    }
    let guess = match () {
        () if fits(Encoding::Web(UTF_8)) => Encoding::Web(UTF_8),
        () if is_chinese(&texts) => Encoding::Web(GBK),
        () => Encoding::default(),
    };
    (guess, doubts)
}

/// `UTF-8`, `GBK`, `936`, `ANSI 1252`, `ISO 88591`, `UTF-16`: what writers put into a `.cpg`.
fn by_words(words: &str) -> Option<Encoding> {
    let plain = words.trim_matches(['\u{feff}', '\0', '"', ' ']).to_ascii_lowercase();
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    let number = || match digits.as_str() {
        "65001" => Some(UTF_8),
        "936" => Some(GBK),
        "54936" => Some(GB18030),
        "950" => Some(BIG5),
        "932" => Some(SHIFT_JIS),
        "949" => Some(EUC_KR),
        "1200" => Some(UTF_16LE),
        "866" => Some(IBM866),
        "874" => Some(encoding_rs::WINDOWS_874),
        code if code.len() == 4 && code.starts_with("125") => {
            encoding_rs::Encoding::for_label(format!("windows-{code}").as_bytes())
        }
        // `88591` and `885915`: parts of ISO 8859.
        code if code.starts_with("8859") => {
            encoding_rs::Encoding::for_label(format!("iso-8859-{}", &code[4..]).as_bytes())
        }
        _ => None,
    };
    if plain == "utf-16" || plain == "utf16" {
        return Some(Encoding::Web(UTF_16LE));
    }
    match digits.as_str() {
        "437" => return Some(Encoding::Dos(CP437)),
        "850" => return Some(Encoding::Dos(CP850)),
        _ => {}
    }
    encoding_rs::Encoding::for_label(plain.as_bytes()).or_else(number).map(Encoding::Web)
}

/// Whether nearly all bytes above ASCII come in pairs of GB 2312: nearly no other writing does.
fn is_chinese(texts: &[&[u8]]) -> bool {
    let (mut high, mut paired) = (0, 0);
    for text in texts {
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let next = text.get(at + 1).copied().unwrap_or_default();
            let pair = (0xa1..=0xf7).contains(byte) && next >= 0xa1;
            high += if pair { 2 } else { usize::from(*byte >= 0x80) };
            paired += if pair { 2 } else { 0 };
            at += if pair { 2 } else { 1 };
        }
    }
    high > 0 && paired * 10 >= high * 9 && texts.iter().all(|text| Encoding::Web(GBK).fits(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cpg: Option<&str>, driver: u8, texts: &[&[u8]]) -> &'static str {
        find(cpg, driver, texts.iter().copied()).0.label()
    }

    #[test]
    fn what_is_said_is_believed_where_it_fits() {
        let (gbk, _, _) = GBK.encode("浦东新区");
        let (latin, _, _) = WINDOWS_1252.encode("Montréal, Ångström");
        let utf8 = "黄浦区".as_bytes();
        for (cpg, driver, text, expected) in [
            (Some("UTF-8"), 0x57, utf8, "UTF-8"),
            (Some("65001"), 0, utf8, "UTF-8"),
            (Some("utf-8\r\n"), 0x4d, &*gbk, "GBK"),
            (None, 0x4d, &gbk, "GBK"),
            (None, 0, &gbk, "GBK"),
            (None, 0x57, &gbk, "GBK"),
            (None, 0x57, utf8, "UTF-8"),
            (None, 0x57, &latin, "windows-1252"),
            (None, 0, b"Pe\xf1a M\xe9xico", "windows-1252"),
            (Some("ISO 88591"), 0, &latin, "windows-1252"),
            (Some("Big5"), 0, b"\xa4\xa4\xa4\xe5", "Big5"),
            (Some("OEM 437"), 0, b"\x81", "code page 437"),
            (None, 0x02, b"\x81", "code page 850"),
        ] {
            assert_eq!(found(cpg, driver, &[text]), expected, "{cpg:?} {driver:x}");
        }
        assert_eq!(find(Some("utf-8"), 0, [&*gbk].into_iter()).1.len(), 1);
        assert_eq!(find(Some("klingon"), 0, [].into_iter()).1.len(), 1);
    }

    #[test]
    fn fields_are_cut_within_characters() {
        let cut = &"黄浦区".as_bytes()[..8];
        assert_eq!(found(None, 0, &[cut]), "UTF-8");
        assert_eq!(Encoding::Web(UTF_8).text(cut), "黄浦");
        let wide: Vec<u8> = "北京 ".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(Encoding::Web(UTF_16LE).text(&wide), "北京");
        assert_eq!(Encoding::Dos(CP850).text(b"M\x81nchen  "), "München");
        assert_eq!(CP437.chars().count().max(CP850.chars().count()), 128);
        assert_eq!(CP437.chars().count().min(CP850.chars().count()), 128);
    }
}
