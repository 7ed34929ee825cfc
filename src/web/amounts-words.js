/** @file Tables of amounts.js: currencies, units, multipliers and number writing habits of the languages that markets speak most.
 *
 * Every entry is the source of a regular expression, matched right after (or, for currency signs, right before) a number; lower case,
 * `u` flag. Inflected words are written as stem plus letters. Add a word here, its sentence to tests/web/unit/amounts.test.js.
 */

const REST = '[\\p{L}\\p{M}]*';

/** Currency: code, sign, what may stand before the number, what may stand after it. */
export const CURRENCIES = [
  {
    code: 'CNY', sign: '¥', before: ['cn¥', 'rmb', 'cny', '¥', '￥', '人民币'],
    after: [
      '元', '圆', '块钱', '块', '塊', '人民币', 'rmb', 'cny', 'yuan(?:es|s)?', 'renminbi', 'kuai', `юан${REST}`, `يوان${REST}`, 'युआन', '人民元', '위안',
      'nhân dân tệ', 'tệ', 'iuanes', 'iuan',
    ],
  },
  {
    code: 'USD', sign: '$', before: ['us\\$', 'usd', '\\$', '＄'],
    after: [
      '美元', '美金', '美刀', '刀', 'usd', 'us dollars?', 'dollars?', 'bucks?', '\\$', `d[óo]lar(?:es)?`, 'dólares', `доллар${REST}`, `دولار${REST}`,
      'डॉलर', 'ドル', '달러', 'đô la', 'đô', 'us-dollars?',
    ],
  },
  {
    code: 'EUR', sign: '€', before: ['eur', '€'],
    after: ['欧元', '欧', 'eur', 'euros?', '€', 'евро', `يورو`, 'यूरो', 'ユーロ', '유로'],
  },
  { code: 'GBP', sign: '£', before: ['gbp', '£'], after: ['英镑', 'gbp', 'pounds?', '£', 'фунт' + REST, 'ポンド', '파운드'] },
  { code: 'RUB', sign: '₽', before: ['rub', '₽'], after: ['卢布', 'rub', 'r[uo]ubles?', '₽', `рубл${REST}`, 'руб\\.?', 'rublos?', 'roubles?', `روبل${REST}`, 'ルーブル', '루블'] },
  { code: 'JPY', sign: '円', suffix: true, before: ['jpy', 'jp¥'], after: ['日元', '日圆', '円', 'yen', 'jpy', 'エン', '엔'] },
  { code: 'KRW', sign: '₩', before: ['krw', '₩'], after: ['韩元', '韩币', '원', 'won', 'krw', 'ウォン'] },
  { code: 'INR', sign: '₹', before: ['inr', '₹', 'rs\\.?'], after: ['卢比', 'rupees?', 'inr', '₹', 'रुपये', 'रुपए', 'रुपया', 'ルピー', '루피'] },
  { code: 'VND', sign: '₫', suffix: true, before: ['vnd', '₫'], after: ['越南盾', 'vnd', 'đồng', '₫', 'dong'] },
  { code: 'BRL', sign: 'R$', before: ['r\\$', 'brl'], after: ['雷亚尔', 'brl', 'reais', 'real'] },
  { code: 'SAR', sign: 'SAR', before: ['sar'], after: ['沙特里亚尔', 'sar', `ريال${REST}`, 'riyals?', 'riales?'] },
  { code: 'AED', sign: 'AED', before: ['aed'], after: ['迪拉姆', 'aed', `درهم${REST}`, 'دراهم', 'dirhams?'] },
  { code: 'EGP', sign: 'EGP', before: ['egp'], after: ['egp', `جنيه${REST}`] },
  { code: 'THB', sign: '฿', before: ['thb', '฿'], after: ['泰铢', 'thb', 'baht', 'บาท', '฿'] },
];

/** Units of weight, length, volume, time and shares: a spelled-out "one" of them is an amount too. */
export const MEASURES = [
  '%', '％', 'percent', 'prozent', 'por ?ciento', 'por cento', 'pour cent', 'процент' + REST, 'في المئة', 'प्रतिशत', 'パーセント', '퍼센트', 'phần trăm', '折',
  '公斤', '千克', '斤', '克', '吨', '毫米', '厘米', '公分', '公里', '平方米', '立方米', '米', '毫升', '升', '英寸', '寸', '天', '个月', '個月', '个小时', '小时', '分钟', '年', '周',
  'kg', 'kilos?', 'kilograms?', 'kilogramas?', 'kilogrammes?', 'kilogramm', 'grams?', 'gramos?', 'grammes?', 'g', 'tons?', 'tonnes?', 'toneladas?', 'tonnen?', 't',
  'mm', 'cm', 'km', 'm', 'met(?:er|re)s?', 'metros?', 'mètres?', 'yards?', 'feet', 'ft', 'inch(?:es)?', 'lit(?:er|re)s?', 'litros?', 'ml', 'l',
  'days?', 'weeks?', 'months?', 'hours?', 'minutes?', 'd[ií]as?', 'semanas?', 'mes(?:es)?', 'jours?', 'semaines?', 'mois', 'tage?n?', 'wochen?', 'monate?n?',
  `кг`, `килограмм${REST}`, `грамм${REST}`, `тонн${REST}`, `метр${REST}`, `литр${REST}`, 'дн(?:я|ей)', 'день', `недел${REST}`, `месяц${REST}`,
  'كيلو(?:غرام|جرام)?', 'كغ', 'غرام', 'جرام', 'طن', 'متر', 'لتر', 'يوم', 'أيام', 'ايام', 'أسبوع', 'أسابيع',
  'किलो(?:ग्राम)?', 'ग्राम', 'मीटर', 'लीटर', 'दिन', 'हफ़्ते', 'हफ्ते', 'महीने',
  'キロ(?:グラム)?', 'グラム', 'トン', 'メートル', 'センチ', 'リットル', '日間', '週間', 'か月', '킬로(?:그램)?', '그램', '톤', '미터', '리터', '일', '주', '개월',
  'cân', 'ký', 'kí', 'gam', 'tấn', 'mét', 'lít', 'ngày', 'tuần', 'tháng',
];

/** What counts things: Chinese "one of them" (一个) is rarely an amount. */
export const COUNTERS = [
  '个', '個', '件', '箱', '盒', '包', '袋', '双', '雙', '条', '條', '只', '隻', '套', '台', '张', '張', '支', '瓶', '本', '把', '打', '卷', '片', '根', '对', '對', '份', '种', '款', '柜', '车', '桶', '捆', '批', '颗', '粒', '枚', '匹', '码', '人', '次', '家', '位', '杯',
  'セット', 'ダース', 'ケース', '足', '着', 'つ', '개', '박스', '상자', '켤레', '세트', '벌', '장', '병', '봉지', '다스',
  'pieces?', 'pcs\\.?', 'units?', 'items?', 'box(?:es)?', 'cartons?', 'cases?', 'pairs?', 'sets?', 'dozens?', 'bags?', 'bottles?', 'rolls?', 'containers?', 'pallets?', 'packs?', 'packages?', 'crates?', 'colou?rs?', 'sizes?',
  'piezas?', 'unidades?', 'cajas?', 'pares?', 'juegos?', 'docenas?', 'bolsas?', 'botellas?', 'rollos?', 'contenedores?', 'paquetes?',
  'peças?', 'caixas?', 'conjuntos?', 'dúzias?', 'sacos?', 'garrafas?', 'rolos?', 'contêineres', 'pacotes?',
  'pièces?', 'unités?', 'boîtes?', 'cartons?', 'paires?', 'lots?', 'douzaines?', 'sacs?', 'bouteilles?', 'rouleaux', 'conteneurs?', 'paquets?',
  'stücke?', 'stk\\.?', 'kartons?', 'kisten?', 'schachteln?', 'paare?', 'sets?', 'dutzend', 'beutel', 'flaschen?', 'rollen?', 'packungen', 'pakete?',
  `штук${REST}`, 'шт\\.?', `короб${REST}`, `ящик${REST}`, `пар(?:а|ы)?`, `комплект${REST}`, `дюжин${REST}`, `пакет${REST}`, `бутыл${REST}`, `рулон${REST}`, `контейнер${REST}`, `упаков${REST}`,
  'قطعة', 'قطع', 'حبة', 'حبات', 'صندوق', 'صناديق', 'علبة', 'علب', 'كرتون(?:ة)?', 'كراتين', 'زوج', 'أزواج', 'دزينة', 'كيس', 'أكياس', 'حاوية', 'حاويات', 'طقم',
  'पीस', 'टुकड़े', 'डिब्बे', 'बक्से', 'पेटी', 'जोड़ी', 'जोड़े', 'सेट', 'दर्जन', 'बोतल', 'पैकेट', 'थैले',
  'cái', 'chiếc', 'hộp', 'thùng', 'đôi', 'bộ', 'tá', 'túi', 'chai', 'cuộn', 'gói', 'con', 'kiện',
];

/** Words right after a number that multiply it. */
export const MULTIPLIERS = [
  ['百万|百萬|백만|million(?:en|s|es)?|millones|milhões|миллион' + REST + '|млн\\.?|مليون|triệu', 1e6],
  ['亿|億|억|billion', 1e8], // "billion" is put right in amounts.js: 1e9
  ['千万|천만|करोड़', 1e7], ['万|萬|만', 1e4], ['千|천', 1e3], ['百(?!分)|백', 1e2], ['लाख', 1e5],
  ['thousand|mil|mille|tausend|тысяч' + REST + '|тыс\\.?|ألف|آلاف|الف|हज़ार|हजार|nghìn|ngàn', 1e3],
];

/** Languages that write 3,5 for three and a half. */
export const DECIMAL_COMMA = 'es fr pt it ru de tr vi id uk pl nl ro cs hu el sv fi da no bg hr sr sk sl lt lv et kk uz az hy ka ca mk sq af'.split(' ');

/** Languages that write 1 200 with a plain space. */
export const SPACE_GROUPS = 'fr ru uk pl cs sk bg fi sv no hu lt lv et kk uz hy ka'.split(' ');
