Nov 25 23:59:12 (1795651152.576473) danted[12536]: error: /tmp/tmp8jsohdqi/danted.conf: problem on line 8 near token "c": syntax error.  Please see the Dante manual for more information
Nov 25 23:59:12 (1795651152.576741) danted[12536]: alert: mother[1/1]: shutting down
Nov 26 00:00:06 (1795651206.735088) danted[26585]: error: /tmp/tmpbiu04ja7/danted.conf: problem on line 8 near token "c": syntax error.  Please see the Dante manual for more information
Nov 26 00:00:06 (1795651206.735197) danted[26585]: alert: mother[1/1]: shutting down
