"""The options of e2guardian.conf and e2guardianf1.conf, version 5.3, by what they mean for a required name."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELLED: Final = _names("""
    abortiflistmissing authplugin automitm defaultfiltergroup defaulttransparentfiltergroup enablessl fileextlist
    filtergroups filterip filterports icapport iplist ipsitelist mapportstoips mimelist preauthstoryboard proxyip
    proxyport regexpboollist regexpreplacelist searchlist sitelist sslmitm storyboard transparenthttpsport urllist
    bannedphraselist weightedphraselist weightedphrasemode contentscanner disablecontentscan reportinglevel
""")
"""Read, and followed; what pages say and what scanners think of them is open there."""

HARMLESS: Final = _names("""
    accessdeniedaddress anonymizelogs authrequiresuserandgroup avadmin avsubject bannedregexwithblanketblock
    bannedsearchtermlist blockdownloads bypass bypasskey bypassversion cacertificatepath caprivatekeypath
    categorydisplaythreshold certprivatekeypath cgibypass cgiinfectionbypass cgikey checkip connecttimeout contentadmin
    contentregexplist contentscanexceptions contentscannertimeout contentsubject custombannedflashfile
    custombannedimagefile daemongroup daemonuser debuglevel debuglevelfile deepurlanalysis defaulticapfiltergroup
    deletedownloadedtempfiles disablecontentscanerror dockermode downloadmanager dstatinterval dstatlocation
    embeddedurlweight exceptionphraselist exceptionsearchtermlist filecachedir filtergroupslist forcequicksearch
    forwardedfor generatedcertend generatedcertpath generatedcertstart genratedcertend groupmode groupname
    hexdecodecontent htmltemplate httpworkers infectionbypass infectionbypasserrorsonly infectionbypasskey
    initialtrickledelay language languagedir logadblocks logclienthostnames logconnectionhandlingerrors
    logexceptionhits logfileformat logheadervalue loglevel loglocation logsyslog loguseragent mailer mailfrom
    mapauthtoports maxcontentfilecachescansize maxcontentfiltersize maxcontentramcachescansize maxheaderlines
    maxlogitemlength maxuploadsize mitmcheckcert monitorflagprefix monitorhelper namesuffix naughtynesslimit
    neterrtemplate nocheckcertsitelist nodaemon nologger nonstandarddelimiter notifyav notifycontent onlymitmsslgrey
    opensslconffile pcontimeout phrasefiltermode pidfilename preservecase proxyexchange proxytimeout recheckreplacedurls
    reverseaddresslookups rqloglocation searchsitelistforip searchtermlimit showweightedfound sslcertcheck
    sslcertificatepath ssllegacylogic statshumanreadable storyboardtrace textmimetypes threshold thresholdbyuser
    trickledelay usecustombannedflash usecustombannedimage useopensslconf usesmtp violations weightedsearchtermlist
    urlcachenumber urlcacheage softrestart statlocation proxyfailureloginterval setcipherlist
""")
"""Cannot change whether a name passes: logs, limits, looks of what is shown, keys, options that version 5 no longer
obeys, how strictly words on pages are weighed (whether they are is modelled), checks of real servers' certificates."""

OPEN: Final = {
    "usexforwardedfor": "clients say their own addresses",
    "xforwardedforfilterip": "clients say their own addresses",
    "reverseclientiplookups": "clients are compared by the names of their addresses",
    "perroomdirectory": "rooms of clients are blocked by files that are not read",
    "perroomblockingdirectory": "rooms of clients are blocked by files that are not read",
    "groupnamesfile": "names of groups are in a file that is not read",
}
"""Not followed, and why that may matter."""
