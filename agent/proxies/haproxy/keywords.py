"""The keywords of HAProxy 2.6 (configuration.txt, ``haproxy -dKcfg``), by what they mean for a required name."""

from __future__ import annotations

from typing import Final

from agent.proxies.variables.keywords import Table, words

SECTIONS: Final = words("""
    global defaults frontend backend listen userlist peers mailers resolvers cache program http-errors ring
    log-forward fcgi-app crt-list traces
""")

PROXIES: Final = Table(
    words("""
        acl bind default-server default_backend disabled dispatch enabled http-request mode monitor-uri option redirect
        server server-template stats tcp-request transparent use-server use_backend http-response tcp-response filter
    """),
    words("""
        backlog balance bind-process capture clitcpka-cnt clitcpka-idle clitcpka-intvl clitimeout compression contimeout
        cookie declare description email-alert error-log-format errorfile errorfiles errorloc errorloc302 errorloc303
        external-check force-persist fullconn hash-type http-after-response http-check http-error http-reuse
        http-send-name-header id ignore-persist load-server-state-from-file log log-format log-format-sd log-tag
        max-keep-alive-queue maxconn monitor persist rate-limit retries retry-on server-state-file-name source
        srvtcpka-cnt srvtcpka-idle srvtcpka-intvl srvtimeout stick stick-table tcp-check timeout unique-id-format
        unique-id-header no default
    """),
    {"use-fcgi-app": "an application answers"},
)
"""First words of lines of ``defaults``, ``frontend``, ``listen`` and ``backend``. Servers are taken to be up, and not
overloaded."""

OPTIONS: Final = Table(
    words("transparent"),
    words("""
        abortonclose accept-invalid-http-request accept-invalid-http-response allbackups clitcpka contstats
        disable-h2-upgrade dontlog-normal dontlognull external-check forwardfor h1-case-adjust-bogus-client
        h1-case-adjust-bogus-server http-buffer-request http-ignore-probes http-keep-alive http-no-delay
        http-pretend-keepalive http-restrict-req-hdr-names http-server-close http-use-proxy-header httpchk httpclose
        httplog httpslog idle-close-on-response independent-streams ldap-check log-health-checks log-separate-errors
        logasap mysql-check nolinger originalto persist pgsql-check prefer-last-server redis-check redispatch smtpchk
        socket-stats splice-auto splice-request splice-response spop-check srvtcpka ssl-hello-chk tcp-check
        tcp-smart-accept tcp-smart-connect tcpka tcplog
    """),
    {"checkcache": "answers with cookies that may be cached are refused"},
)

BINDS: Final = Table(
    words("ssl accept-proxy accept-netscaler-cip strict-sni verify crt crt-list"),
    words("""
        backlog defer-accept expose-fd gid group id interface level maxconn mode mss name nice process
        severity-output shards tcp-ut tfo thread transparent uid user v4v6 v6only allow-0rtt alpn ca-file
        ca-ignore-err ca-sign-file ca-sign-pass ca-verify-file ciphers ciphersuites crl-file crt-ignore-err curves
        ecdhe force-tlsv12 force-tlsv13 generate-certificates no-ca-names no-sslv3 no-tls-tickets no-tlsv10 no-tlsv11
        no-tlsv12 no-tlsv13 npn prefer-client-ciphers ssl-min-ver tls-ticket-keys
    """),
    {
        "force-sslv3": "browsers no longer speak SSL 3",
        "force-tlsv10": "browsers no longer speak TLS 1.0",
        "force-tlsv11": "browsers no longer speak TLS 1.1",
        "namespace": "it listens in another network namespace",
        "proto": "clients must speak one protocol from the first byte on",
        "ssl-max-ver": "browsers may not speak so old a TLS",
    },
)
"""``no-tlsv12`` and ``no-tlsv13`` leave one of the two that browsers speak."""

SERVERS: Final = Table(
    words(
        "backup no-backup disabled enabled ssl no-ssl send-proxy send-proxy-v2 send-proxy-v2-ssl send-proxy-v2-ssl-cn"
    ),
    words("""
        addr agent-addr agent-check agent-inter agent-port agent-send allow-0rtt alpn ca-file check check-alpn
        check-proto check-send-proxy check-sni check-ssl check-via-socks4 ciphers ciphersuites cookie crl-file crt
        downinter error-limit fall fastinter force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 id
        init-addr inter log-proto max-reuse maxconn maxqueue minconn no-agent-check no-check no-check-send-proxy
        no-check-ssl no-send-proxy no-send-proxy-v2 no-send-proxy-v2-ssl no-send-proxy-v2-ssl-cn no-ssl-reuse no-sslv3
        no-tfo no-tls-tickets no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13 non-stick npn observe on-error on-marked-down
        on-marked-up pool-low-conn pool-max-conn pool-purge-delay port proto proxy-v2-options resolve-net resolve-opts
        resolve-prefer resolvers rise slowstart sni source ssl-max-ver ssl-min-ver ssl-reuse stick tcp-ut tfo
        tls-tickets track usesrc verify weight ws
    """),
    {
        "namespace": "it is reached from another network namespace",
        "redir": "clients are sent elsewhere",
        "socks4": "it is reached through another proxy",
        "verifyhost": "only servers with one name in their certificate are accepted",
    },
)

ACTIONS: Final = Table(
    words("""
        accept reject allow deny tarpit return redirect auth silent-drop expect-proxy expect-netscaler-cip use-service
        set-var set-var-fmt unset-var do-resolve set-dst set-dst-port set-src set-method set-path set-pathq set-uri
        set-query replace-path replace-pathq replace-uri normalize-uri set-header add-header del-header replace-header
        replace-value send-spoe-group ot-group add-acl del-acl set-map del-map inspect-delay connection content session
    """),
    words("""
        cache-use capture disable-l7-retry early-hint sc-inc-gpc sc-inc-gpc0 sc-inc-gpc1 sc-set-gpt sc-set-gpt0
        set-log-level set-mark set-nice set-priority-class set-priority-offset set-src-port set-timeout set-tos
        strict-mode track-sc track-sc0 track-sc1 track-sc2 wait-for-body wait-for-handshake
    """),
    {"switch-mode": "switch-mode is not followed"},
)
"""Of ``tcp-request`` and ``http-request``."""

ANSWERS: Final = Table(
    frozenset(),
    words("""
        add-acl add-header allow cache-store capture del-acl del-header del-map ot-group replace-header replace-value
        sc-inc-gpc sc-inc-gpc0 sc-inc-gpc1 sc-set-gpt sc-set-gpt0 send-spoe-group set-header set-log-level set-map
        set-mark set-nice set-status set-tos set-var set-var-fmt strict-mode track-sc track-sc0 track-sc1 track-sc2
        unset-var wait-for-body accept inspect-delay content
    """),
    {
        "close": "answers are cut off",
        "deny": "answers are refused",
        "redirect": "clients are sent elsewhere by answers",
        "reject": "answers are refused",
        "return": "answers are replaced",
        "silent-drop": "answers are dropped",
    },
)
"""Of ``tcp-response`` and ``http-response``."""

FILTERS: Final = Table(
    frozenset(),
    words("bwlim-in bwlim-out cache compression fcgi-app trace"),
    {"opentracing": "another program sees requests", "spoe": "another program decides"},
)

GLOBALS: Final = Table(
    words("setenv presetenv unsetenv resetenv default-path"),
    words("""
        51degrees-cache-size 51degrees-data-file 51degrees-property-name-list 51degrees-property-separator busy-polling
        ca-base chroot close-spread-time cluster-secret cpu-map crt-base daemon description deviceatlas-json-file
        deviceatlas-log-level deviceatlas-properties-cookie deviceatlas-separator expose-experimental-directives
        external-check fd-hard-limit gid grace group h1-accept-payload-with-any-method h1-case-adjust
        h1-case-adjust-file h2-workaround-bogus-websocket-clients hard-stop-after httpclient.resolvers.id
        httpclient.resolvers.prefer httpclient.ssl.ca-file httpclient.ssl.verify insecure-fork-wanted
        insecure-setuid-wanted issuers-chain-path localpeer log log-send-hostname log-tag lua-load lua-load-per-thread
        lua-prepend-path max-spread-checks maxcompcpuusage maxcomprate maxconn maxconnrate maxpipes maxsessrate
        maxsslconn maxsslrate maxzlibmem mworker-max-reloads nbthread no-memory-trimming node noepoll noevports
        nogetaddrinfo nokqueue nopoll noreuseport nosplice numa-cpu-mapping pidfile pp2-never-send-local
        profiling.tasks quiet server-state-base server-state-file set-dumpable set-var set-var-fmt spread-checks
        ssl-default-bind-ciphers ssl-default-bind-ciphersuites ssl-default-bind-curves ssl-default-bind-options
        ssl-default-server-ciphers ssl-default-server-ciphersuites ssl-default-server-options ssl-dh-param-file
        ssl-engine ssl-load-extra-del-ext ssl-load-extra-files ssl-mode-async ssl-propquery ssl-provider
        ssl-provider-path ssl-server-verify ssl-skip-self-issued-ca stats strict-limits thread-group thread-groups
        tune.buffers.limit tune.buffers.reserve tune.bufsize tune.comp.maxlevel tune.fail-alloc
        tune.fd.edge-triggered tune.h2.header-table-size tune.h2.initial-window-size tune.h2.max-concurrent-streams
        tune.h2.max-frame-size tune.http.cookielen tune.http.logurilen tune.http.maxhdr tune.idle-pool.shared
        tune.idletimer tune.listener.multi-queue tune.lua.forced-yield tune.lua.maxmem tune.lua.service-timeout
        tune.lua.session-timeout tune.lua.task-timeout tune.maxaccept tune.maxpollevents tune.maxrewrite
        tune.pattern.cache-size tune.peers.max-updates-at-once tune.pipesize tune.pool-high-fd-ratio
        tune.pool-low-fd-ratio tune.quic.frontend.conn-tx-buffers.limit tune.quic.frontend.max-idle-timeout
        tune.quic.frontend.max-streams-bidi tune.quic.retry-threshold tune.rcvbuf.client tune.rcvbuf.server
        tune.recv_enough tune.runqueue-depth tune.sched.low-latency tune.sndbuf.client tune.sndbuf.server
        tune.ssl.cachesize tune.ssl.capture-buffer-size tune.ssl.capture-cipherlist-size tune.ssl.default-dh-param
        tune.ssl.force-private-cache tune.ssl.hard-maxrecord tune.ssl.keylog tune.ssl.lifetime tune.ssl.maxrecord
        tune.ssl.ssl-ctx-cache-size tune.vars.check-max-size tune.vars.global-max-size tune.vars.proc-max-size
        tune.vars.reqres-max-size tune.vars.sess-max-size tune.vars.txn-max-size tune.zlib.memlevel
        tune.zlib.windowsize uid ulimit-n unix-bind user wurfl-cache-size wurfl-data-file wurfl-information-list
        wurfl-information-list-separator zero-warning no
    """),
    {},
)
"""Limits, processes, TLS by default, logs; variables of the whole process are not followed where they are used."""
