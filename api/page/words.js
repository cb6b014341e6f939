// What the page says, in two languages, and how it writes numbers and times.

export const ZONE = "Asia/Ho_Chi_Minh";
const SIGNS = { "ug/m3": "µg/m³", Cel: "°C", "%RH": "%", "%EL": "%", deg: "°", "W/m2": "W/m²", count: "" };

const WORDS = {
  vi: {
    subtitle: "số liệu cảm biến thành phố, trực tiếp", reference: "Tài liệu API", other: "English", otherCode: "en",
    city: "Thành phố", alarms: "Cảnh báo", completeness: "Độ đầy đủ", fleet: "Thiết bị",
    light: "Nền sáng", dark: "Nền tối",
    live: "trực tiếp", away: "mất kết nối, đang thử lại", opening: "đang kết nối",
    map: "Bản đồ", air: "Không khí", traffic: "Giao thông", noise: "Tiếng ồn", health: "Tình trạng",
    schematic: "Sơ đồ theo toạ độ (± 500 m), chưa có bản đồ nền: không vẽ bờ biển hay đường sá.",
    provisional: "Viền đứt: tạm xếp theo PM2.5 tức thời, chưa đủ giờ để tính VN_AQI.",
    speedNote: "Số trong vòng: tốc độ trung bình, km/h.", noiseNote: "Số trong vòng: mức ồn LAeq, dBA.",
    healthNote: "Số trong vòng: cảm biến hoạt động / tất cả.",
    sensors: "cảm biến", silent: "im lặng", sites: "địa điểm", open: "cảnh báo đang mở", rate: "số liệu mỗi giây", worst: "VN_AQI cao nhất",
    none: "Không có gì bất thường.", never: "chưa có số liệu", since: "từ", until: "đến", all: "tất cả", onlyOpen: "đang mở", everything: "cả đã đóng",
    acknowledge: "Đã biết", acknowledged: "đã tiếp nhận", by: "bởi", comment: "Ghi chú", closed: "đã đóng", sensorFault: "lỗi cảm biến", cityEvent: "sự kiện thành phố",
    back: "Về thành phố", lastHour: "1 giờ", lastDay: "24 giờ", lastWeek: "7 ngày", lastMonth: "30 ngày", band: "khoảng thường gặp", spread: "thấp nhất – cao nhất", mean: "trung bình", energy_mean: "trung bình năng lượng",
    vector_mean: "trung bình vectơ", sum: "tổng", increase: "lượng tăng", max: "lớn nhất", min: "nhỏ nhất", last: "mới nhất", first: "đầu tiên", count: "số lượng", rate_of: "tốc độ",
    noData: "Không có số liệu trong khoảng này.", protocol: "giao thức", gateway: "cổng kết nối", period: "chu kỳ", site: "địa điểm", state: "trạng thái", place: "toạ độ",
    ok: "hoạt động", unknown: "chưa rõ", event: "theo sự kiện", recent: "Cảnh báo của cảm biến này",
    online: "trực tuyến", offline: "ngoại tuyến", accepted: "đã nhận", backlog: "tồn đọng (gói)", frames: "khung", bad: "khung lỗi", readings: "số liệu", port: "cổng", version: "phiên bản",
    clock: "đồng hồ", lastSeen: "lần cuối", configuration: "cấu hình", journal: "nhật ký", disk: "đĩa còn trống", slave: "thiết bị bus", setAside: "gói để riêng",
    day: "ngày", complete: "đầy đủ", estimated: "ước tính", lost: "mất", missing: "thiếu", expected: "mong đợi", stored: "đã lưu", quarantined: "cách ly", pending: "đang chờ", noLedger: "Chưa có sổ đối soát.",
    health_title: "Khung dữ liệu của thiết bị", signIn: "Đăng nhập", signOut: "Đăng xuất", key: "Khoá truy cập", keyWrong: "Khoá không đúng hoặc đã bị thu hồi.", needKey: "Trang này cần khoá truy cập.", failed: "Không thực hiện được",
    newest: "mới nhất", unit_count: "", peak: "cực trị", usual: "thường gặp", score: "điểm", muted: "tạm ẩn",
  },
  en: {
    subtitle: "the city's sensors, live", reference: "API reference", other: "Tiếng Việt", otherCode: "vi",
    city: "City", alarms: "Alarms", completeness: "Completeness", fleet: "Fleet",
    light: "Light", dark: "Dark",
    live: "live", away: "connection lost, trying again", opening: "connecting",
    map: "Map", air: "Air", traffic: "Traffic", noise: "Noise", health: "Health",
    schematic: "A schematic by coordinates (± 500 m); there is no base map here, so no coast and no roads are drawn.",
    provisional: "Dashed: ranked by the PM2.5 of this moment, too few hours yet for a VN_AQI.",
    speedNote: "In the circles: mean speed, km/h.", noiseNote: "In the circles: sound level LAeq, dBA.",
    healthNote: "In the circles: sensors at work / all.",
    sensors: "sensors", silent: "silent", sites: "sites", open: "open alarms", rate: "readings per second", worst: "highest VN_AQI",
    none: "Nothing unusual.", never: "no reading yet", since: "since", until: "until", all: "all", onlyOpen: "open", everything: "closed too",
    acknowledge: "Acknowledge", acknowledged: "acknowledged", by: "by", comment: "Comment", closed: "closed", sensorFault: "sensor fault", cityEvent: "city event",
    back: "Back to the city", lastHour: "1 hour", lastDay: "24 hours", lastWeek: "7 days", lastMonth: "30 days", band: "usual band", spread: "lowest – highest", mean: "mean", energy_mean: "energy mean",
    vector_mean: "vector mean", sum: "sum", increase: "increase", max: "highest", min: "lowest", last: "newest", first: "first", count: "count", rate_of: "rate",
    noData: "No data in this range.", protocol: "protocol", gateway: "gateway", period: "period", site: "site", state: "state", place: "place",
    ok: "at work", unknown: "unknown", event: "by events", recent: "Alarms of this sensor",
    online: "online", offline: "offline", accepted: "accepted", backlog: "backlog (packs)", frames: "frames", bad: "bad frames", readings: "readings", port: "port", version: "version",
    clock: "clock", lastSeen: "last seen", configuration: "configuration", journal: "journal", disk: "disk free", slave: "bus unit", setAside: "set aside",
    day: "day", complete: "complete", estimated: "estimated", lost: "lost", missing: "missing", expected: "expected", stored: "stored", quarantined: "quarantined", pending: "pending", noLedger: "No ledger yet.",
    health_title: "Frames of its port", signIn: "Sign in", signOut: "Sign out", key: "Access key", keyWrong: "This key is wrong or was revoked.", needKey: "This page asks for an access key.", failed: "That failed",
    newest: "newest", unit_count: "", peak: "peak", usual: "usual", score: "score", muted: "muted",
  },
};

let language = kept("language") ?? (navigator.language.startsWith("vi") ? "vi" : "en");

export function kept(name) { try { return localStorage.getItem(name); } catch { return null; } }
export function keep(name, value) { try { localStorage.setItem(name, value); } catch { /* a browser that keeps nothing asks again */ } }

export const word = (name) => WORDS[language][name] ?? name;
export const isVietnamese = () => language === "vi";
export const locale = () => (language === "vi" ? "vi-VN" : "en-GB");
export function switchLanguage() {
  language = word("otherCode");
  keep("language", language);
}

export const title = (thing) => (isVietnamese() ? thing?.title_vi : thing?.title) ?? thing?.name ?? "";
export const unitOf = (quantity) => SIGNS[quantity?.unit] ?? quantity?.unit ?? "";
export const whole = (number) => number.toLocaleString(locale());
export function amount(quantity, value) {
  const decimals = quantity?.decimals ?? 1;
  return value.toLocaleString(locale(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
export const share = (part) => part.toLocaleString(locale(), { style: "percent", maximumFractionDigits: part > 0.995 && part < 1 ? 2 : 1 });
export const clock = (ms) => new Date(ms).toLocaleTimeString(locale(), { timeZone: ZONE });
export const day = (ms) => new Date(ms).toLocaleDateString(locale(), { timeZone: ZONE, weekday: "short", day: "numeric", month: "numeric" });
export const moment = (ms) => (day(ms) === day(Date.now()) ? clock(ms) : `${clock(ms)} ${day(ms)}`);

export function ago(ms) {
  const s = Math.max(0, Math.round((Date.now() - ms) / 1000));
  if (s < 2) return isVietnamese() ? "vừa xong" : "just now";
  const [count, vi, en] = s < 120 ? [s, "giây", "s"] : s < 7200 ? [Math.floor(s / 60), "phút", "min"] : s < 172_800 ? [Math.floor(s / 3600), "giờ", "h"] : [Math.floor(s / 86_400), "ngày", "d"];
  return isVietnamese() ? `${count} ${vi} trước` : `${count} ${en} ago`;
}
