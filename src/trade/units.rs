//! Units that are no money: measures with their size, and the things that are counted by pieces.
//!
//! Pure tables. `per_base` converts within one [`Dimension`], so that 3 kg and 3000 g, or 一打 and 12 pieces, compare equal. Readers
//! look words up, writers ask for names.

use rust_decimal::Decimal;

/// What a measure measures; only measures of one dimension convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Pieces; what kind of piece is not compared (箱 may be a carton, a case or a box).
    Count,
    /// Grams.
    Mass,
    /// Millimetres.
    Length,
    /// Square metres.
    Area,
    /// Millilitres.
    Volume,
    /// Seconds; months and years are [`Dimension::Months`].
    Duration,
    /// Months.
    Months,
    /// Degrees Celsius.
    Temperature,
    /// Watts.
    Power,
    /// Volts.
    Voltage,
    /// Times as much, or how often.
    Times,
}

/// A unit of the table; copied freely.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Measure(u8);

struct Info {
    /// The international symbol, or an English word for countable things.
    symbol: &'static str,
    dimension: Dimension,
    /// How many base units one is: mantissa and power of ten.
    size: (i64, u32),
    /// Chinese names; the first is written.
    zh: &'static [&'static str],
    /// English: one, many; then other lower-case words and symbols, of other languages too.
    en: (&'static str, &'static str),
    more: &'static [&'static str],
}

macro_rules! measures {
    ($($symbol:literal $dimension:ident $mantissa:literal e $scale:literal [$($zh:literal),*] $one:literal $many:literal [$($more:literal),*];)+) => {
        static MEASURES: &[Info] = &[$(Info {
            symbol: $symbol, dimension: Dimension::$dimension, size: ($mantissa, $scale), zh: &[$($zh),*], en: ($one, $many), more: &[$($more),*],
        }),+];
    };
}

measures! {
    "pcs" Count 1 e 0 ["个", "只", "件", "支", "枝", "根", "条", "张", "把", "块", "片", "颗", "粒", "台", "顶", "枚", "副", "本", "朵", "匹", "辆", "面", "头", "份"]
        "piece" "pieces" ["pc", "pcs", "pce", "unit", "units", "item", "items", "шт", "штук", "штуки", "штука", "pieza", "piezas", "peça", "peças", "pièce", "pièces", "stück", "قطعة", "قطع", "개", "個", "pezzi", "adet", "buah", "cái", "ชิ้น"];
    "pair" Count 1 e 0 ["双", "对"] "pair" "pairs" ["prs", "пар", "пары", "пара", "pares", "par", "paires", "paire", "paar", "켤레", "足", "زوج", "paia"];
    "set" Count 1 e 0 ["套", "组"] "set" "sets" ["комплектов", "juegos", "conjuntos", "세트", "セット"];
    "carton" Count 1 e 0 ["箱"] "carton" "cartons" ["ctn", "ctns", "case", "cases", "коробок", "коробки", "коробка", "cajas", "caja", "caixas", "caixa", "كرتونة", "박스"];
    "box" Count 1 e 0 ["盒"] "box" "boxes" [];
    "bag" Count 1 e 0 ["袋", "包"] "bag" "bags" ["pack", "packs", "packet", "packets"];
    "bottle" Count 1 e 0 ["瓶"] "bottle" "bottles" [];
    "roll" Count 1 e 0 ["卷"] "roll" "rolls" [];
    "bundle" Count 1 e 0 ["捆", "扎"] "bundle" "bundles" [];
    "pallet" Count 1 e 0 ["托盘", "托"] "pallet" "pallets" [];
    "container" Count 1 e 0 ["柜", "货柜", "个柜"] "container" "containers" [];
    "kind" Count 1 e 0 ["种", "款", "样", "项", "类"] "kind" "kinds" ["style", "styles", "type", "types", "colour", "colours", "color", "colors", "design", "designs", "model", "models"];
    "order" Count 1 e 0 ["单", "批", "票", "笔", "次", "遍", "回", "趟"] "order" "orders" ["batch", "batches", "lot", "lots", "shipment", "shipments"];
    "person" Count 1 e 0 ["人", "位", "名", "家", "间", "座", "栋", "层", "本书"] "person" "people" ["persons"];
    "dozen" Count 12 e 0 ["打"] "dozen" "dozen" ["dozens", "docena", "docenas", "dúzia", "dúzias", "douzaine", "douzaines", "dutzend", "дюжина", "дюжин", "дюжины", "دزينة", "ダース"];
    "gross" Count 144 e 0 ["罗"] "gross" "gross" [];
    "size" Count 1 e 0 ["码"] "size" "sizes" [];
    "µm" Length 1 e 3 ["微米"] "micron" "microns" ["µm", "um", "μm"];
    "mm" Length 1 e 0 ["毫米"] "millimetre" "millimetres" ["mm", "millimeter", "millimeters", "мм", "ミリ"];
    "cm" Length 10 e 0 ["厘米", "公分"] "centimetre" "centimetres" ["cm", "centimeter", "centimeters", "cms", "см", "센티", "センチ", "centímetros", "سم"];
    "m" Length 1000 e 0 ["米", "公尺"] "metre" "metres" ["m", "meter", "meters", "м", "метров", "метра", "метр", "metros", "metro", "mètres", "متر", "미터", "メートル"];
    "km" Length 1000000 e 0 ["公里", "千米"] "kilometre" "kilometres" ["km", "kilometer", "kilometers", "км"];
    "in" Length 254 e 1 ["英寸", "寸"] "inch" "inches" ["in.", "″"];
    "ft" Length 3048 e 1 ["英尺", "尺"] "foot" "feet" ["ft", "ft.", "′", "pies", "pés", "pieds", "футов", "футовый", "футового"];
    "yd" Length 9144 e 1 ["码布"] "yard" "yards" ["yd", "yds"];
    "m²" Area 1 e 0 ["平方米", "平米", "平方", "㎡", "个平方"] "square metre" "square metres" ["m²", "m2", "㎡", "sqm", "square meter", "square meters", "кв.м", "м²"];
    "m³" Volume 1000000 e 0 ["立方米", "立方", "方", "个立方", "个方"] "cubic metre" "cubic metres" ["m³", "m3", "cbm", "cubic meter", "cubic meters", "м³"];
    "mg" Mass 1 e 3 ["毫克"] "milligram" "milligrams" ["mg", "мг"];
    "g" Mass 1 e 0 ["克"] "gram" "grams" ["g", "gr", "gramme", "grammes", "г", "грамм", "gramos", "gramas", "جرام", "غرام", "그램", "グラム", "gsm"];
    "jin" Mass 500 e 0 ["斤", "市斤"] "jin" "jin" ["catty", "catties"];
    "kg" Mass 1000 e 0 ["公斤", "千克"] "kilogram" "kilograms" ["kg", "kgs", "kilo", "kilos", "кг", "килограмм", "килограммов", "килограмма", "kilogramos", "quilos", "kilogrammes", "كيلو", "كجم", "كغ", "킬로", "キロ"];
    "t" Mass 1000000 e 0 ["吨"] "tonne" "tonnes" ["t", "ton", "tons", "тонн", "тонны", "тонна", "toneladas", "tonelada", "طن", "톤", "トン"];
    "lb" Mass 45359237 e 5 ["磅"] "pound" "pounds" ["lb", "lbs", "фунтов"];
    "oz" Mass 28349523125 e 9 ["盎司"] "ounce" "ounces" ["oz"];
    "ml" Volume 1 e 0 ["毫升"] "millilitre" "millilitres" ["ml", "milliliter", "milliliters", "cc", "мл"];
    "L" Volume 1000 e 0 ["升", "公升"] "litre" "litres" ["l", "liter", "liters", "л", "литров", "litros"];
    "s" Duration 1 e 0 ["秒", "秒钟"] "second" "seconds" ["sec", "secs", "секунд"];
    "min" Duration 60 e 0 ["分钟"] "minute" "minutes" ["min", "mins", "минут", "минуты", "minutos", "دقيقة", "분", "分間"];
    "h" Duration 3600 e 0 ["个小时", "小时", "个钟头", "钟头", "个钟"] "hour" "hours" ["hr", "hrs", "h", "час", "часа", "часов", "hora", "horas", "heure", "heures", "stunde", "stunden", "ساعة", "ساعات", "시간", "時間", "ore"];
    "d" Duration 86400 e 0 ["天", "日子", "个工作日", "工作日"] "day" "days" ["день", "дня", "дней", "día", "días", "dia", "dias", "jour", "jours", "tag", "tage", "tagen", "يوم", "أيام", "يومًا", "يوما", "일", "日間", "giorni", "giorno", "gün", "hari", "ngày", "วัน", "दिन"];
    "week" Duration 604800 e 0 ["个星期", "星期", "个礼拜", "礼拜", "周"] "week" "weeks" ["неделя", "недели", "недель", "semana", "semanas", "semaine", "semaines", "woche", "wochen", "أسبوع", "أسابيع", "주", "週間", "settimane", "hafta", "minggu", "tuần"];
    "month" Months 1 e 0 ["个月"] "month" "months" ["месяц", "месяца", "месяцев", "mes", "meses", "mês", "mois", "monat", "monate", "monaten", "شهر", "أشهر", "개월", "か月", "ヶ月", "mesi", "ay", "bulan", "tháng", "เดือน"];
    "year" Months 12 e 0 ["年"] "year" "years" ["год", "года", "лет", "año", "años", "ano", "anos", "an", "ans", "jahr", "jahre", "jahren", "سنة", "سنوات", "년", "年間", "anni", "yıl", "tahun", "năm", "ปี"];
    "°C" Temperature 1 e 0 ["摄氏度", "度"] "degree" "degrees" ["°c", "℃", "°", "celsius"];
    "W" Power 1 e 0 ["瓦特", "瓦"] "watt" "watts" ["w"];
    "kW" Power 1000 e 0 ["千瓦"] "kilowatt" "kilowatts" ["kw"];
    "V" Voltage 1 e 0 ["伏特", "伏"] "volt" "volts" ["v"];
    "times" Times 1 e 0 ["倍"] "time" "times" ["fold", "-fold", "раз"];
}

impl Measure {
    /// Every measure.
    pub fn all() -> impl Iterator<Item = Measure> {
        (0..MEASURES.len()).map(|i| Measure(u8::try_from(i).unwrap_or(0)))
    }

    fn info(self) -> &'static Info {
        &MEASURES[usize::from(self.0)]
    }

    /// The measure with this symbol.
    pub fn from_symbol(symbol: &str) -> Option<Measure> {
        Measure::all().find(|m| m.symbol() == symbol)
    }

    /// Its symbol (`kg`), or an English word where there is none.
    pub fn symbol(self) -> &'static str {
        self.info().symbol
    }

    /// What it measures.
    pub fn dimension(self) -> Dimension {
        self.info().dimension
    }

    /// How many base units of the dimension one is.
    pub fn per_base(self) -> Decimal {
        let (mantissa, scale) = self.info().size;
        Decimal::new(mantissa, scale)
    }

    /// Its Chinese name.
    pub fn chinese(self) -> &'static str {
        self.info().zh.first().copied().unwrap_or(self.info().symbol)
    }

    /// Its English name for one and for other amounts.
    pub fn english(self) -> (&'static str, &'static str) {
        self.info().en
    }

    /// True for things, false for kilograms and days.
    pub fn is_count(self) -> bool {
        self.dimension() == Dimension::Count
    }

    /// The longest Chinese name that `text` begins with, and its length in bytes.
    pub(super) fn chinese_at(text: &str) -> Option<(Measure, usize)> {
        longest(text, |info| info.zh)
    }

    /// The longest foreign name that `text` begins with: for languages without spaces.
    pub(super) fn word_at(text: &str) -> Option<(Measure, usize)> {
        longest(text, |info| info.more)
    }

    /// The measure that a lower-case word or symbol means.
    pub(super) fn word(word: &str) -> Option<Measure> {
        Measure::all().find(|m| {
            let info = m.info();
            info.en.0 == word || info.en.1 == word || info.more.contains(&word)
        })
    }
}

impl std::fmt::Debug for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.symbol())
    }
}

fn longest(text: &str, names: fn(&'static Info) -> &'static [&'static str]) -> Option<(Measure, usize)> {
    Measure::all()
        .flat_map(|m| names(m.info()).iter().map(move |name| (m, *name)))
        .filter(|(_, name)| text.starts_with(name))
        .max_by_key(|(_, name)| name.len())
        .map(|(m, name)| (m, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_convert() {
        let per = |symbol: &str| Measure::from_symbol(symbol).unwrap().per_base();
        assert_eq!(per("lb"), Decimal::new(45_359_237, 5), "453.59237 g");
        assert_eq!(per("in"), Decimal::new(254, 1));
        assert_eq!(per("ft"), per("in") * Decimal::from(12));
        assert_eq!(per("dozen"), Decimal::from(12));
    }

    #[test]
    fn symbols_are_unique_and_the_longest_name_wins() {
        for measure in Measure::all() {
            assert_eq!(Measure::from_symbol(measure.symbol()), Some(measure));
        }
        assert_eq!(Measure::chinese_at("个小时").map(|m| m.0.symbol()), Some("h"));
        assert_eq!(Measure::chinese_at("公斤").map(|m| m.0.symbol()), Some("kg"));
        assert_eq!(Measure::word("metres").map(Measure::symbol), Some("m"));
    }
}
