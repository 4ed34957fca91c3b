//! Names in Chinese and English, made from parts.

use super::random::Random;

const FIRST: &[(&str, &str)] = &[
    ("海天", "Haitian"),
    ("云帆", "Yunfan"),
    ("明珠", "Mingzhu"),
    ("望江", "Wangjiang"),
    ("金桥", "Jinqiao"),
    ("锦绣", "Jinxiu"),
    ("星河", "Xinghe"),
    ("东方", "Dongfang"),
    ("瑞安", "Rui'an"),
    ("翠湖", "Cuihu"),
    ("长风", "Changfeng"),
    ("紫荆", "Zijing"),
    ("和平", "Heping"),
    ("晨光", "Chenguang"),
    ("银杏", "Yinxing"),
    ("青云", "Qingyun"),
    ("临港", "Lingang"),
    ("文汇", "Wenhui"),
    ("丰华", "Fenghua"),
    ("南山", "Nanshan"),
];

const ROADS: &[(&str, &str)] = &[
    ("人民", "Renmin"),
    ("中山", "Zhongshan"),
    ("建设", "Jianshe"),
    ("解放", "Jiefang"),
    ("海港", "Haigang"),
    ("滨江", "Binjiang"),
    ("学府", "Xuefu"),
    ("朝阳", "Chaoyang"),
    ("新华", "Xinhua"),
    ("梧桐", "Wutong"),
    ("桂花", "Guihua"),
    ("石桥", "Shiqiao"),
    ("渔歌", "Yuge"),
    ("望海", "Wanghai"),
    ("春晖", "Chunhui"),
];

/// Districts, by number.
pub(super) const DISTRICTS: &[(&str, &str)] = &[
    ("中心区", "Central"),
    ("滨海区", "Binhai"),
    ("江东区", "Jiangdong"),
    ("江西区", "Jiangxi"),
    ("北山区", "Beishan"),
    ("学府区", "Xuefu"),
];

/// What a building of a function is called.
fn suffix(function: &str) -> (&'static str, &'static str) {
    match function {
        "office" => ("大厦", "Tower"),
        "retail" => ("广场", "Plaza"),
        "industrial" => ("工厂", "Works"),
        "education" => ("学校", "School"),
        "health" => ("医院", "Hospital"),
        _ => ("苑", "Court"),
    }
}

/// A building's name, Chinese then English.
pub(super) fn building(function: &str, number: i64, random: &mut Random) -> String {
    let (zh, en) = random.pick(FIRST).copied().unwrap_or(("海天", "Haitian"));
    let (zh_kind, en_kind) = suffix(function);
    format!("{zh}{zh_kind}{number}号 {en} {en_kind} {number}")
}

/// A street's name; avenues are wide.
pub(super) fn street(along: bool, number: i64, avenue: bool) -> String {
    let index = number.rem_euclid(ROADS.len() as i64) as usize;
    let (zh, en) = ROADS[index];
    let turn = number.div_euclid(ROADS.len() as i64);
    let ordinal = if turn == 0 { String::new() } else { format!("{}", turn.rem_euclid(97) + 1) };
    match (along, avenue) {
        (true, true) => format!("{zh}{ordinal}大道 {en} Avenue {ordinal}"),
        (true, false) => format!("{zh}{ordinal}路 {en} Road {ordinal}"),
        (false, true) => format!("{zh}北{ordinal}大道 {en} North Avenue {ordinal}"),
        (false, false) => format!("{zh}北{ordinal}街 {en} North Street {ordinal}"),
    }
    .trim_end()
    .to_owned()
}
