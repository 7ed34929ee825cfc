//! Chinese words that contain a numeral and are no amount: 一起, 万一, 四川, 零售, 星期三.
//!
//! A list, because no grammar tells them apart. A single digit in front of an unknown word is passed over by the reader anyway, so
//! only words need to be here that begin like an amount (一条龙), end in a numeral (统一), or hold several (五颜六色).

use super::super::scan::Scan;

const WORDS: &[&str] = &[
    "不管三七二十一",
    "一分钱一分货",
    "一五一十",
    "三心二意",
    "五颜六色",
    "五花八门",
    "七七八八",
    "乱七八糟",
    "三三两两",
    "四面八方",
    "一清二楚",
    "一来二去",
    "三番五次",
    "接二连三",
    "九牛一毛",
    "百里挑一",
    "半斤八两",
    "说一不二",
    "独一无二",
    "一模一样",
    "一心一意",
    "一举两得",
    "丢三落四",
    "横七竖八",
    "八九不离十",
    "十有八九",
    "千篇一律",
    "一言为定",
    "一条龙",
    "一站式",
    "一口价",
    "一次性",
    "一下子",
    "一部分",
    "一方面",
    "一系列",
    "一条心",
    "一把手",
    "一个劲",
    "一会儿",
    "一点儿",
    "一块儿",
    "一个样",
    "一件代发",
    "一手货",
    "一手",
    "第一时间",
    "百分点",
    "千分尺",
    "一起",
    "一样",
    "一定",
    "一般",
    "一些",
    "一直",
    "一共",
    "一会",
    "一旦",
    "一切",
    "一律",
    "一边",
    "一向",
    "一时",
    "一带",
    "一致",
    "一流",
    "一再",
    "一生",
    "一路",
    "一概",
    "一番",
    "一股",
    "一并",
    "一下",
    "一齐",
    "一贯",
    "一味",
    "一度",
    "一头",
    "一面",
    "一体",
    "一级棒",
    "万一",
    "统一",
    "唯一",
    "专一",
    "单一",
    "逐一",
    "之一",
    "不一",
    "同一",
    "万能",
    "万向",
    "千万别",
    "千万不",
    "千万要",
    "百货",
    "十分",
    "十足",
    "十全",
    "零售",
    "零件",
    "零食",
    "零头",
    "零钱",
    "零下",
    "零散",
    "零配件",
    "零风险",
    "零库存",
    "二手",
    "二维码",
    "二维",
    "二次",
    "三明治",
    "三角形",
    "四川",
    "四周",
    "四季",
    "五金",
    "五角星",
    "五官",
    "六神",
    "七夕",
    "八卦",
    "九州",
    "双十一",
    "双十二",
    "三包",
    "三无",
    "四方",
    "八方",
    "两口子",
    "两清",
    "千克力",
    "半成品",
    "半自动",
    "一半一半",
    "多半",
    "一拍即合",
    "一应俱全",
];

/// The index after a word at `i` that is no amount.
pub(super) fn skip(scan: &Scan, i: usize) -> Option<usize> {
    let c = scan.get(i)?;
    if matches!(c, '星' | '礼' | '周')
        && let Some(at) = scan.eat_any(i, &["星期", "礼拜", "周"])
        && scan.get(at).is_some_and(|d| "一二三四五六日天末几".contains(d))
    {
        // 周一百货 does not exist; 一周 was read with its number before this is asked.
        return Some(at + 1);
    }
    if scan.eat(i, "一点").is_some() {
        // 一点五 and 一点半 are amounts, 便宜一点 is none.
        let amount = scan
            .get(i + 2)
            .is_some_and(|n| n == '半' || n == '钟' || n == '整' || n == '零' || super::numeral::digit(n).is_some() || n == '十');
        let day_part = super::calendar::day_part_before(scan, i).is_some();
        return (!amount && !day_part).then_some(i + 2);
    }
    let word = WORDS.iter().filter(|w| scan.rest(i).starts_with(**w)).max_by_key(|w| w.len())?;
    let end = i + word.chars().count();
    // 十分钟 is a time, 三角 with a number behind is money's; 二次 is a count when 第 stands before it.
    let amount = match *word {
        "十分" => {
            scan.get(end).is_some_and(|n| "钟之".contains(n))
                || scan.before(i).is_some_and(|b| super::numeral::digit(b).is_some())
        }
        "二次" | "四方" | "四周" => {
            super::numeral::digit(scan.before(i).unwrap_or(' ')).is_some()
                || (*word == "四周" && !scan.get(end).is_some_and(|n| "都围".contains(n)))
        }
        "一度" | "一面" | "一头" | "一路" => false,
        // 每双十二块
        "双十一" | "双十二" => scan.before(i).is_some_and(|b| b == '每' || super::numeral::digit(b).is_some()),
        "之一" => scan.before(i) == Some('分'),
        "万一" | "万能" | "万向" | "百货" | "十足" | "十全" => {
            scan.before(i).is_some_and(|b| super::numeral::digit(b).is_some())
        }
        _ => false,
    };
    (!amount).then_some(end)
}
