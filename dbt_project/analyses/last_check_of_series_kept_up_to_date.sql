{{ last_check_of_series_kept_up_to_date() }}
