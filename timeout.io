Nov 25 23:59:09 (1795651149.580570) danted[11762]: error: /tmp/tmp8jsohdqi/danted.conf: problem on line 1 near token ":": syntax error: No such file or directory.  Please see the Dante manual for more information
Nov 25 23:59:09 (1795651149.580642) danted[11762]: alert: mother[1/1]: shutting down
Nov 26 00:00:04 (1795651204.517264) danted[25911]: error: /tmp/tmpbiu04ja7/danted.conf: problem on line 1 near token ":": syntax error.  Please see the Dante manual for more information
Nov 26 00:00:04 (1795651204.517313) danted[25911]: alert: mother[1/1]: shutting down
Nov 26 00:00:15 (1795651215.636152) danted[29358]: error: /tmp/tmpbiu04ja7/danted.conf: problem on line 1 near token ":": syntax error.  Please see the Dante manual for more information
Nov 26 00:00:15 (1795651215.636204) danted[29358]: alert: mother[1/1]: shutting down
