//! Currencies: codes, signs and names in Chinese and English and, where a word is certain, in other languages.
//!
//! Pure tables and look-ups. Readers ask [`Currency::sign_at`] before and after digits and [`Currency::word`] for words; writers ask
//! for names. Which currency an unspoken one is, is decided by the readers with [`super::Context`].

/// A currency of the table; copied freely.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(u8);

struct Info {
    /// ISO 4217.
    code: &'static str,
    /// Signs that mean it, longest first.
    signs: &'static [&'static str],
    /// Chinese names; the first is written.
    zh: &'static [&'static str],
    /// English: one, many.
    en: (&'static str, &'static str),
    /// Lower-case words of spaced languages that mean it and nothing else here.
    words: &'static [&'static str],
    /// Its hundredth in Chinese, and in English (one, many), where people say it.
    cents: Option<(&'static str, &'static str, &'static str)>,
}

macro_rules! currencies {
    ($($code:literal [$($sign:literal),*] [$($zh:literal),+] $one:literal $many:literal [$($word:literal),*] $cents:expr;)+) => {
        static CURRENCIES: &[Info] = &[$(Info {
            code: $code, signs: &[$($sign),*], zh: &[$($zh),+], en: ($one, $many), words: &[$($word),*], cents: $cents,
        }),+];
    };
}

// ¥ is the yuan: the yen's sign is the same, but this product is used at Chinese stalls. "Pound" is also a weight: see `en`.
currencies! {
    "CNY" ["¥", "￥", "CN¥"] ["元", "块钱", "块", "圆", "人民币"] "yuan" "yuan"
        ["元", "yuan", "yuans", "rmb", "renminbi", "kuai", "cny", "юань", "юаня", "юаней", "yuanes", "يوان", "위안", "人民元", "युआन", "nhân dân tệ", "หยวน"] None;
    "USD" ["US$", "U.S.$", "$"] ["美元", "美金", "美刀"] "dollar" "dollars"
        ["usd", "dollar", "dollars", "buck", "bucks", "dólar", "dólares", "dolar", "dolares", "доллар", "доллара", "долларов", "dollari", "dollaro", "دولار", "دولارات", "دولارًا", "달러", "ドル", "米ドル", "डॉलर", "đô la", "đô", "ดอลลาร์", "долар", "долари", "доларів", "dolarów", "dolary", "dollár"]
        Some(("美分", "cent", "cents"));
    "EUR" ["€"] ["欧元"] "euro" "euros" ["euro", "euros", "eur", "евро", "يورو", "유로", "ユーロ", "यूरो", "ยูโร", "євро", "eura"] Some(("欧分", "cent", "cents"));
    "GBP" ["£"] ["英镑"] "pound" "pounds" ["gbp", "quid", "sterling"] Some(("便士", "penny", "pence"));
    "HKD" ["HK$"] ["港元", "港币"] "Hong Kong dollar" "Hong Kong dollars" ["hkd"] None;
    "TWD" ["NT$"] ["新台币", "台币"] "Taiwan dollar" "Taiwan dollars" ["twd"] None;
    "AUD" ["A$", "AU$"] ["澳元", "澳币"] "Australian dollar" "Australian dollars" ["aud"] None;
    "CAD" ["C$", "CA$"] ["加元", "加币"] "Canadian dollar" "Canadian dollars" ["cad"] None;
    "SGD" ["S$"] ["新加坡元", "新币"] "Singapore dollar" "Singapore dollars" ["sgd"] None;
    "JPY" [] ["日元", "日圆"] "yen" "yen" ["円", "jpy", "yen", "иена", "иен", "엔"] None;
    "KRW" ["₩"] ["韩元", "韩币"] "won" "won" ["원", "krw", "won"] None;
    "RUB" ["₽"] ["卢布"] "ruble" "rubles" ["rub", "ruble", "rubles", "rouble", "roubles", "рубль", "рубля", "рублей", "руб"] None;
    "INR" ["₹"] ["印度卢比", "卢比"] "rupee" "rupees" ["inr", "rupee", "rupees", "रुपये", "रुपया", "रुपए"] None;
    "AED" [] ["迪拉姆"] "dirham" "dirhams" ["aed", "dirham", "dirhams", "درهم", "دراهم"] None;
    "SAR" [] ["沙特里亚尔", "里亚尔"] "riyal" "riyals" ["sar", "riyal", "riyals", "ريال", "ريالات"] None;
    "TRY" ["₺"] ["土耳其里拉", "里拉"] "lira" "liras" ["lira", "liras", "tl"] None;
    "BRL" ["R$"] ["巴西雷亚尔", "雷亚尔"] "real" "reais" ["brl", "reais"] None;
    "MXN" ["MX$"] ["墨西哥比索", "比索"] "peso" "pesos" ["mxn", "peso", "pesos"] None;
    "THB" ["฿"] ["泰铢"] "baht" "baht" ["thb", "baht", "บาท"] None;
    "VND" ["₫"] ["越南盾"] "dong" "dong" ["vnd", "dong", "đồng"] None;
    "MYR" ["RM"] ["令吉", "林吉特"] "ringgit" "ringgit" ["myr", "ringgit"] None;
    "IDR" ["Rp"] ["印尼盾"] "rupiah" "rupiah" ["idr", "rupiah"] None;
    "CHF" [] ["瑞士法郎"] "Swiss franc" "Swiss francs" ["chf"] None;
    "ZAR" [] ["兰特"] "rand" "rand" ["zar", "rand"] None;
    "NGN" ["₦"] ["奈拉"] "naira" "naira" ["ngn", "naira"] None;
    "KZT" ["₸"] ["坚戈"] "tenge" "tenge" ["kzt", "tenge", "тенге"] None;
    "UAH" ["₴"] ["格里夫纳"] "hryvnia" "hryvnias" ["uah", "гривня", "гривні", "гривень"] None;
    "PLN" [] ["兹罗提"] "zloty" "zlotys" ["zł", "pln", "zloty", "złotych", "złote"] None;
}

impl Currency {
    /// The yuan.
    pub const CNY: Currency = Currency(0);
    /// The US dollar.
    pub const USD: Currency = Currency(1);
    /// The euro.
    pub const EUR: Currency = Currency(2);
    /// The pound sterling.
    pub const GBP: Currency = Currency(3);

    fn info(self) -> &'static Info {
        &CURRENCIES[usize::from(self.0)]
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Currency> {
        (0..CURRENCIES.len()).map(|i| Currency(u8::try_from(i).unwrap_or(0)))
    }

    /// ISO 4217 code.
    pub fn code(self) -> &'static str {
        self.info().code
    }

    /// Its Chinese name, as written after digits.
    pub fn chinese(self) -> &'static str {
        self.info().zh[0]
    }

    /// Its English name for one and for other amounts.
    pub fn english(self) -> (&'static str, &'static str) {
        self.info().en
    }

    /// Its hundredth: Chinese, English one, English many.
    pub fn cents(self) -> Option<(&'static str, &'static str, &'static str)> {
        self.info().cents
    }

    /// The currency with this code, in any case.
    pub fn from_code(code: &str) -> Option<Currency> {
        if code.eq_ignore_ascii_case("rmb") {
            return Some(Currency::CNY);
        }
        Currency::all().find(|c| c.code().eq_ignore_ascii_case(code))
    }

    /// The longest sign that `text` begins with, and its length in bytes.
    pub(super) fn sign_at(text: &str) -> Option<(Currency, usize)> {
        // RM is a sign, RMB a code.
        let whole = |end: usize| {
            let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
            !(letter(text.get(..end).and_then(|t| t.chars().last())) && letter(text.get(end..).and_then(|t| t.chars().next())))
        };
        longest(text, |info| info.signs).filter(|(_, end)| whole(*end))
    }

    /// The longest Chinese name that `text` begins with, and its length in bytes.
    pub(super) fn chinese_at(text: &str) -> Option<(Currency, usize)> {
        longest(text, |info| info.zh)
    }

    /// The currency that a lower-case word of a spaced language means.
    pub(super) fn word(word: &str) -> Option<Currency> {
        Currency::all().find(|c| c.info().words.contains(&word))
    }

    /// The longest of all words that `text` begins with: for languages without spaces.
    pub(super) fn word_at(text: &str) -> Option<(Currency, usize)> {
        longest(text, |info| info.words)
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

fn longest(text: &str, names: fn(&'static Info) -> &'static [&'static str]) -> Option<(Currency, usize)> {
    Currency::all()
        .flat_map(|c| names(c.info()).iter().map(move |name| (c, *name)))
        .filter(|(_, name)| text.starts_with(name))
        .max_by_key(|(_, name)| name.len())
        .map(|(c, name)| (c, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_wins() {
        assert_eq!(Currency::sign_at("US$5"), Some((Currency::USD, 3)));
        assert_eq!(Currency::sign_at("HK$5").map(|c| c.0.code()), Some("HKD"));
        assert_eq!(Currency::chinese_at("块钱一个"), Some((Currency::CNY, 6)));
        assert_eq!(Currency::from_code("rmb"), Some(Currency::CNY));
        assert_eq!(Currency::word("euros"), Some(Currency::EUR));
        assert_eq!(Currency::word("stone"), None);
    }
}
