//! The page at `/`, for a person who opens the server's address in a browser.

/// Plain HTML, complete in itself.
pub const INDEX: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tongchuan 同传</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}code{background:#8882;padding:.1em .3em}</style>
<h1>tongchuan 同传</h1>
<p>This server interprets a conversation: two people talk, each hears the other in their own language.</p>
<p lang="zh">本服务器提供实时同声传译:两个人各说各的语言,互相听到对方的译语。</p>
<h2>To connect</h2>
<ul>
<li>Make a room: <code>POST /v1/rooms</code> gives its code and a join token for the merchant and for the buyer.</li>
<li>Talk: a WebSocket at <code>/v1/session</code> with the subprotocol <code>tongchuan.v1</code>; see <code>proto/README.md</code> in the source.</li>
<li>Look after it: <code>/healthz</code>, <code>/readyz</code>, <code>/metrics</code>.</li>
</ul>
<p>What people say is neither stored nor logged here.</p>
</html>
"#;
