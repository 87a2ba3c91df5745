/** What `headrace --help` prints. */
export const HELP = `headrace: forwards DNS queries to upstream servers

  headrace serve [options] [UPSTREAM...]   listen and forward
  headrace query NAME [TYPE] [options]     ask once, print the reply
  headrace check FILE...                   say what is wrong in configurations
  headrace top [URL]                       watch a status page in the terminal
  headrace help [COMMAND]                  say more about a command

  -h, --help      this text
  -V, --version   the version

Upstreams: 1.1.1.1, [2620:fe::fe]:53, udp://..., tcp://..., each with |name after it if you like.
`

/** What `headrace serve --help` prints. */
export const SERVE_HELP = `headrace serve [options] [UPSTREAM...]

Listens over UDP and TCP and forwards what is asked to the upstreams; without any, to the system's resolvers.

  -c, --config FILE       a configuration, read again on SIGHUP and when it has changed; what else is given goes over it
  -l, --listen ADDR       where to listen: 127.0.0.1:5353, [::1]:5353, :5353 for every address; may be given
                          several times; port 0 is one that is free (default 127.0.0.1:53)
  -a, --allow CIDR        who may ask, in place of loopback and private networks; may be given several times
  -u, --upstream ADDR     an upstream, in place of every other; may be given several times
      --tls ADDR          listen for DNS over TLS as well, by the certificate of --cert and --key
      --https ADDR        the same for DNS over HTTPS; with --http3 over HTTP/3 beside HTTP/2
      --quic ADDR         the same for DNS over QUIC
      --cert FILE         the certificate in PEM, then those between it and its authority
      --key FILE          its private key in PEM
      --strategy NAME     whom to ask: parallel, balanced, failover, random, weighted, fastest,
                          least-outstanding (default), consistent-hash, first-available, hedged
      --timeout MS        the longest one query (default 5000)
      --max-udp-size N    the longest reply over UDP, 512 to 65535 octets (default 1232)
      --status ADDR       serve the status page there, such as 127.0.0.1:8053; elsewhere than on this machine's own
                          addresses it wants the token in HEADRACE_TOKEN
      --metrics ADDR      serve OpenMetrics text there, such as 127.0.0.1:9153
      --workers N         processes that share the listeners; 0: one for each processor (default 1)
      --log-format NAME   human, json, or auto: human on a terminal, JSON lines elsewhere (default)
      --log-level NAME    debug, info (default), warn or error; names that are asked for are written at debug alone
  -v, --verbose           a line for each reply: --log-level debug
      --verbose-health    a line for each probe of an upstream and each change of its health
  -h, --help              this text

SIGINT and SIGTERM stop it once what is under way is answered; a second one stops it at once. SIGHUP reads the
configuration and certificates again; connections, health and the cache stay, and a bad file changes nothing.

  headrace serve -c headrace.toml
  headrace serve -l 127.0.0.1:5300 -a 127.0.0.0/8 8.8.8.8 208.67.222.222 2620:0:ccc::2
`

/** What `headrace check --help` prints. */
export const CHECK_HELP = `headrace check FILE...

Reads configurations as serve does, opens nothing, and says everything that is wrong in them, each with file, line and
column, and what would run. Read are TOML, JSON, the INI of dns-proxy, and the YAML of lazydns and dnsdist.

Exit codes: 0 all are good, warnings or not; 1 one can't be used; 2 wrong arguments.
`

/** What `headrace query --help` prints. */
export const QUERY_HELP = `headrace query NAME [TYPE] [options]

Asks once and prints the reply as dig does. TYPE is A by default; TYPE65280 and numbers work too.

  -u, --upstream ADDR     whom to ask, in place of the system's resolvers; may be given several times;
                          @ADDR among NAME and TYPE means the same
      --strategy NAME     as for serve
      --tcp               over TCP
      --dnssec            ask for DNSSEC records (DO)
      --trace             print what was considered, tried and why
      --timeout MS        how long to wait in all (default 5000)
  -h, --help              this text

Exit codes: 0 a reply came, whatever it says; 2 wrong arguments; 9 no reply.
`

/** What `headrace top --help` prints. */
export const TOP_HELP = `headrace top [URL] [options]

Shows what the status page at URL (default http://127.0.0.1:8053) shows, in the terminal, redrawn in place; elsewhere as plain
lines. q or Ctrl-C ends it.

      --interval MS       from one look to the next (default 2000)
      --once              look once
  -h, --help              this text

The page of another machine needs its token, which is taken from HEADRACE_TOKEN.
`
