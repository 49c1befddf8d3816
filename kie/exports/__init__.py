"""Jobs as files to take away: lists for spreadsheets and scripts, and pictures in one zip."""
