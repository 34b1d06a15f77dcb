"""What a configuration of Knot Resolver 5 may call and set, by what it means for a required name."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names("""
    policy.add policy.suffix policy.suffix_common policy.domains policy.pattern policy.all policy.rpz policy.todnames
    policy.PASS policy.DENY policy.DENY_MSG policy.DROP policy.NO_ANSWER policy.REFUSE policy.TC policy.ANSWER
    policy.FORWARD policy.STUB policy.TLS_FORWARD policy.REROUTE policy.MIRROR policy.FLAGS policy.QTRACE
    policy.REQTRACE policy.IPTRACE policy.DEBUG_ALWAYS policy.DEBUG_IF policy.DEBUG_CACHE_MISS
    view:addr hints.config hints.set hints.add_hosts hints.use_nodata hints.del daf.add
    todname kres.str2dname kres.str2ip modules.load modules net.listen
""")
"""Read, and followed."""

HARMLESS: Final = _names("""
    cache cache.open cache.close cache.clear cache.max_ttl cache.min_ttl cache.ns_tout cache.size cache.storage
    cache.current_size cache.current_storage cache.backends cache.stats cache.count cache.prune cache.get
    hints.root hints.root_file hints.ttl hints.get log log_level log_target log_groups log_error log_warn log_info
    log_debug log_notice mode option reorder_RR user user.name hostname package_version print resolve
    net.bufsize net.ipv4 net.ipv6 net.tcp_pipeline net.tcp_backlog net.outgoing_v4 net.outgoing_v6 net.tls
    net.tls_client net.tls_padding net.tls_sticket_secret net.tls_sticket_secret_file net.doh_headers net.interfaces
    net.list net.close net.register_endpoint_kind net.connect_timeout net.stats
    env verbose debugging.assertion_abort debugging.assertion_fork trust_anchors.add trust_anchors.add_file
    trust_anchors.remove trust_anchors.set_insecure
    trust_anchors.keyfile_default trust_anchors.hold_down_time trust_anchors.refresh_time trust_anchors.keep_removed
    trust_anchors.summary trust_anchors.config trust_anchors.negative ta_update.config predict.config stats.config
    nsid.name nsid.config http.config graphite.config watchdog.config dnstap.config bogus_log.frequent
    serve_stale.config refuse_nord.config edns_keepalive.config worker.id worker.control_path
    modules.list
""")
"""Cannot change whether a public name gets its addresses: caches, logs, transport, root servers, trust anchors (names
that do not validate fail for everybody), statistics, rights."""

SETTING: Final = _names("""
    policy.add view:addr hints.config hints.set hints.add_hosts hints.use_nodata hints.del daf.add modules.load
    net.listen
""")
"""Those of them that set something up."""

PURE: Final = _names("""
    math.floor math.max math.min os.getenv os.time string.format tonumber tostring type
""")
"""Functions of Lua itself that set nothing up."""

OPEN: Final = {
    "map": "code is run",
    "modules.unload": "a module is taken away",
    "net.proxy_allowed": "clients are told apart by what a proxy says of them",
    "policy.del": "a rule is taken away",
    "policy.evaluate": "rules are run by a program",
    "policy.layer": "rules are run by a program",
    "policy.postrules": "rules are set by a program",
    "policy.rules": "rules are set by a program",
    "policy.slice": "servers are chosen by a program",
    "policy.slice_randomize_psl": "servers are chosen by a program",
    "policy.special_names": "rules are set by a program",
    "renumber.config": "addresses in answers are changed",
    "view.dst": "clients are told apart by the address they ask",
    "view.tsig": "clients are told apart by their keys",
    "view:tsig": "clients are told apart by their keys",
}
"""Not followed, and why that may matter."""

MODULES: Final = _names("""
    bogus_log daf detect_time_jump detect_time_skew dnstap dns64 edns_keepalive experimental_dot_auth extended_error
    graphite hints http nsid policy predict prefill priming rebinding refuse_nord serve_stale stats ta_sentinel
    ta_signal_query ta_update view watchdog workarounds
""")
"""Modules that decide nothing about public names by being there: ``dns64`` adds addresses, ``rebinding`` takes private
ones away."""
MODULES_OPEN: Final = {
    "etcd": "the configuration comes from a server",
    "renumber": "addresses in answers are changed",
}
