/** The page before its script has filled it. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>headrace</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page.css">
<script type="module" src="page.js"></script>
</head>
<body>
<a class="skip" href="#upstreams">Skip to the upstreams</a>
<header>
<p class="brand"><img src="icon.svg" alt="" width="22" height="22"> headrace</p>
<h1><span class="badge" id="overall"></span><span id="summary">Waiting for numbers</span></h1>
<p class="meta" id="meta"></p>
<noscript><p>This page needs its script. The same numbers are in <a href="status.json">status.json</a> and
<a href="metrics">metrics</a>.</p></noscript>
</header>
<p class="unseen" id="news" role="status" aria-live="polite"></p>
<main>
<section aria-labelledby="now-heading">
<h2 id="now-heading">Now</h2>
<dl class="figures" id="figures"></dl>
<figure class="rate">
<div class="plot" id="rate"></div>
<figcaption><span id="rate-from">5 min ago</span><span>attempts a second</span><span>now</span></figcaption>
</figure>
</section>
<section aria-labelledby="upstreams">
<h2 id="upstreams" tabindex="-1">Upstreams</h2>
<p class="key" id="key">
<span><i class="mean"></i> mean reply time</span>
<span><i class="p95"></i> 95&nbsp;% were quicker</span>
<span><i class="share"></i> share of all attempts</span>
<span><i class="failed"></i> failures</span>
<span id="scale"></span>
</p>
<div class="cards" id="cards"></div>
</section>
<section aria-labelledby="failures-heading">
<h2 id="failures-heading">What went wrong lately</h2>
<p id="no-failures">Nothing.</p>
<div class="table" role="region" aria-labelledby="failures-heading" tabindex="0" hidden id="failures-box">
<table role="table">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">When</th><th role="columnheader" scope="col">Upstream</th><th role="columnheader" scope="col">What</th><th role="columnheader" scope="col" class="number">Times</th><th role="columnheader" scope="col">Why</th></tr></thead>
<tbody role="rowgroup" id="failures"></tbody>
</table>
</div>
</section>
<section aria-labelledby="pools-heading">
<h2 id="pools-heading">Pools</h2>
<div class="table" role="region" aria-labelledby="pools-heading" tabindex="0">
<table role="table">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Pool</th><th role="columnheader" scope="col">State</th><th role="columnheader" scope="col">Strategy</th><th role="columnheader" scope="col" class="number">Priority</th><th role="columnheader" scope="col">Members</th><th role="columnheader" scope="col" class="number">Answered</th><th role="columnheader" scope="col" class="number">Failed</th><th role="columnheader" scope="col" class="number">Hedges</th></tr></thead>
<tbody role="rowgroup" id="pools"></tbody>
</table>
</div>
</section>
<section aria-labelledby="cache-heading" id="cache-section" hidden>
<h2 id="cache-heading">Cache</h2>
<div class="plot hits" id="hits"></div>
<p class="key" id="hits-key"><span><i class="in-hit"></i> <span></span></span> <span><i class="in-stale"></i> <span></span></span> <span><i class="in-miss"></i> <span></span></span></p>
<dl class="figures small" id="cache"></dl>
</section>
<section aria-labelledby="clients-heading" id="clients-section" hidden>
<h2 id="clients-heading">Clients</h2>
<div class="table" role="region" aria-labelledby="clients-heading" tabindex="0">
<table role="table">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Over</th><th role="columnheader" scope="col" class="number">Queries</th><th role="columnheader" scope="col" class="number">Replies</th><th role="columnheader" scope="col" class="number">No reply to be had</th><th role="columnheader" scope="col" class="number">Dropped</th><th role="columnheader" scope="col" class="number">Turned away</th><th role="columnheader" scope="col" class="number">Malformed</th><th role="columnheader" scope="col" class="number">Connections</th></tr></thead>
<tbody role="rowgroup" id="clients"></tbody>
</table>
</div>
</section>
<section aria-labelledby="act-heading" id="act-section" hidden>
<h2 id="act-heading">Act</h2>
<form id="act" autocomplete="off">
<label>Token <input type="password" id="token" autocomplete="off" required></label>
<label>Upstream <select id="act-upstream"></select></label>
<span class="buttons">
<button type="submit" value="up">Force up</button>
<button type="submit" value="down">Force down</button>
<button type="submit" value="auto">By its checks</button>
<button type="submit" value="flush">Flush the cache</button>
</span>
<output id="act-result" for="token act-upstream"></output>
</form>
</section>
</main>
<footer><p><a href="metrics">Metrics for a scraper</a> <a href="status.json">Everything as JSON</a></p></footer>
</body>
</html>
`

/** A wave under a wheel's rim: what a headrace carries water to. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0a6c8f"/><g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"><path d="M5 23c3.7 0 3.7-3 7.3-3s3.7 3 7.4 3 3.7-3 7.3-3"/><path d="M16 15.5V6M16 15.5l-6.7-6.7M16 15.5l6.7-6.7" opacity=".85"/></g></svg>
`
