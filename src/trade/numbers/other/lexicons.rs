//! Number words and months of languages other than Chinese and English: what a small translation model writes out although the
//! source had digits, mostly small cardinals and the words for thousand and million.
//!
//! Tables and look-ups only. Languages that are not here have their digits and units read, no words.

use crate::trade::numbers::words::Word;

/// Ones from 0 to 9, then 10 to 19, then the tens from 20, each a list of forms divided by `/`; `-` for none.
struct Table {
    tag: &'static str,
    small: &'static str,
    tens: &'static str,
    hundreds: &'static str,
    hundred: &'static [&'static str],
    thousand: &'static [&'static str],
    million: &'static [&'static str],
    /// Beginnings of the months' names.
    months: &'static str,
}

const TABLES: &[Table] = &[
    Table {
        tag: "es",
        small: "cero uno/un/una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis/dieciseis diecisiete dieciocho diecinueve",
        tens: "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
        hundreds: "cien/ciento doscientos/doscientas trescientos/trescientas cuatrocientos/cuatrocientas quinientos/quinientas seiscientos/seiscientas setecientos/setecientas ochocientos/ochocientas novecientos/novecientas",
        hundred: &[],
        thousand: &["mil"],
        million: &["millón", "millones"],
        months: "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    },
    Table {
        tag: "pt",
        small: "zero um/uma dois/duas três quatro cinco seis sete oito nove dez onze doze treze catorze/quatorze quinze dezesseis/dezasseis dezessete/dezassete dezoito dezenove/dezanove",
        tens: "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
        hundreds: "cem/cento duzentos/duzentas trezentos/trezentas quatrocentos/quatrocentas quinhentos/quinhentas seiscentos/seiscentas setecentos/setecentas oitocentos/oitocentas novecentos/novecentas",
        hundred: &[],
        thousand: &["mil"],
        million: &["milhão", "milhões"],
        months: "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    },
    Table {
        tag: "fr",
        small: "zéro un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf",
        tens: "vingt/vingts trente quarante cinquante soixante septante octante/huitante nonante",
        hundreds: "-",
        hundred: &["cent", "cents"],
        thousand: &["mille"],
        million: &["million", "millions"],
        months: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    },
    Table {
        tag: "it",
        small: "zero uno/un/una due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove",
        tens: "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
        hundreds: "cento duecento trecento quattrocento cinquecento seicento settecento ottocento novecento",
        hundred: &[],
        thousand: &["mila", "mille"],
        million: &["milione", "milioni"],
        months: "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    },
    Table {
        tag: "de",
        small: "null eins/ein/eine/einen/einem zwei/zwo drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn",
        tens: "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
        hundreds: "-",
        hundred: &["hundert"],
        thousand: &["tausend"],
        million: &["million", "millionen"],
        months: "januar februar märz april mai juni juli august september oktober november dezember",
    },
    Table {
        tag: "ru",
        small: "ноль один/одна/одно/одну два/две/двух три/трёх/трех четыре/четырёх/четырех пять/пяти шесть/шести семь/семи восемь/восьми девять/девяти десять/десяти одиннадцать двенадцать тринадцать четырнадцать пятнадцать/пятнадцати шестнадцать семнадцать восемнадцать девятнадцать",
        tens: "двадцать/двадцати тридцать/тридцати сорок/сорока пятьдесят/пятидесяти шестьдесят семьдесят восемьдесят девяносто",
        hundreds: "сто/ста двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот",
        hundred: &[],
        thousand: &["тысяча", "тысячи", "тысяч", "тысячу", "тыс"],
        million: &["миллион", "миллиона", "миллионов", "млн"],
        months: "январ феврал март апрел ма июн июл август сентябр октябр ноябр декабр",
    },
];

/// Multipliers of languages whose other number words are not read.
const SCALES: &[(&str, u32)] = &[
    ("ألف", 3),
    ("آلاف", 3),
    ("الف", 3),
    ("مليون", 6),
    ("هزار", 3),
    ("ہزار", 3),
    ("हज़ार", 3),
    ("हजार", 3),
    ("लाख", 5),
    ("করোড়", 7),
    ("হাজার", 3),
    ("লাখ", 5),
    ("ribu", 3),
    ("juta", 6),
    ("nghìn", 3),
    ("ngàn", 3),
    ("triệu", 6),
    ("bin", 3),
    ("milyon", 6),
    ("тисяч", 3),
    ("тисячі", 3),
    ("тысяч", 3),
    ("tysięcy", 3),
    ("tysiące", 3),
    ("duizend", 3),
    ("mii", 3),
    ("tisíc", 3),
    ("ezer", 3),
    ("elfu", 3),
    ("мың", 3),
    ("พัน", 3),
    ("หมื่น", 4),
    ("แสน", 5),
    ("ล้าน", 6),
];

fn find(list: &str, word: &str) -> Option<u32> {
    list.split(' ').position(|forms| forms.split('/').any(|f| f == word)).and_then(|i| u32::try_from(i).ok())
}

fn table(tag: &str) -> Option<&'static Table> {
    TABLES.iter().find(|t| t.tag == tag)
}

/// True when the language's months are known.
pub(super) fn knows_months(tag: &str) -> bool {
    table(tag).is_some()
}

/// 1 to 12 for the name of a month.
pub(super) fn month(tag: &str, word: &str) -> Option<u8> {
    let exact = |name: &str| word == name;
    let names = table(tag)?.months;
    let matches = |name: &str| match tag {
        // Cases: января, мая.
        "ru" => word.strip_prefix(name).is_some_and(|end| matches!(end, "" | "ь" | "я" | "е" | "а" | "ю" | "й")),
        _ => exact(name),
    };
    names.split(' ').position(matches).and_then(|i| u8::try_from(i + 1).ok())
}

/// What `word` of the language is worth.
pub(super) fn word(tag: &str, word: &str) -> Option<Word> {
    if let Some((_, power)) = SCALES.iter().find(|(w, _)| *w == word) {
        return Some(Word::Scale(*power));
    }
    let table = table(tag)?;
    if let Some(n) = find(table.small, word) {
        return Some(if n < 10 { Word::Ones(n) } else { Word::Teens(n) });
    }
    if let Some(n) = find(table.tens, word) {
        return Some(Word::Tens((n + 2) * 10));
    }
    if let Some(n) = find(table.hundreds, word).filter(|_| table.hundreds != "-") {
        return Some(Word::Hundreds((n + 1) * 100));
    }
    if table.hundred.contains(&word) {
        return Some(if tag == "fr" || tag == "de" { Word::Hundred } else { Word::Hundreds(100) });
    }
    if table.thousand.contains(&word) {
        return Some(Word::Scale(3));
    }
    if table.million.contains(&word) {
        return Some(Word::Scale(6));
    }
    match compound(table, word)? {
        n @ 0..=99 => Some(Word::Teens(n)),
        n => Some(Word::Hundreds(n)),
    }
}

/// Numbers written as one word: fünfundzwanzig, zweihundert, venticinque, veinticinco.
fn compound(table: &Table, word: &str) -> Option<u32> {
    if word.len() > 60 {
        return None;
    }
    let part = |w: &str| find(table.small, w).or_else(|| find(table.tens, w).map(|n| (n + 2) * 10));
    match table.tag {
        "de" => {
            for (name, size) in [("tausend", 1000), ("hundert", 100)] {
                if let Some((before, after)) = word.split_once(name) {
                    let count = if before.is_empty() { 1 } else { part(before).or_else(|| compound(table, before))? };
                    let rest = if after.is_empty() {
                        0
                    } else {
                        part(after.trim_start_matches("und")).or_else(|| compound(table, after))?
                    };
                    return (rest < size && count < 1000).then_some(count * size + rest);
                }
            }
            let (ones, tens) = word.split_once("und")?;
            Some(find(table.small, ones).filter(|n| *n < 10)? + find(table.tens, tens).map(|n| (n + 2) * 10)?)
        }
        "it" => {
            for (name, size) in [("mila", 1000), ("mille", 1000), ("cento", 100)] {
                if let Some((before, after)) = word.split_once(name) {
                    let count = if before.is_empty() { 1 } else { part(before).or_else(|| compound(table, before))? };
                    let rest = if after.is_empty() { 0 } else { part(after).or_else(|| compound(table, after))? };
                    return (rest < size && count < 1000).then_some(count * size + rest);
                }
            }
            let tens = table.tens.split(' ').enumerate().find_map(|(i, name)| {
                // ventuno, ventotto lose the vowel
                let rest = word
                    .strip_prefix(name)
                    .or_else(|| word.strip_prefix(name.get(..name.len() - 1)?).filter(|r| r.starts_with(['u', 'o'])))?;
                Some((u32::try_from(i + 2).ok()? * 10, rest))
            })?;
            find(table.small, &tens.1.replace('é', "e")).filter(|n| (1..10).contains(n)).map(|n| tens.0 + n)
        }
        "es" => find(table.small, &word.strip_prefix("veinti")?.replace('ó', "o").replace('é', "e"))
            .filter(|n| (1..10).contains(n))
            .map(|n| 20 + n),
        _ => None,
    }
}
