"""The scores and the simple rules, on cases that can be checked by hand."""

import math
import unittest
from datetime import date, timedelta

from harness import simple
from harness.score import Detector, Forecast, harmonic, months


class TestDetector(unittest.TestCase):
    def test_an_episode_is_true_if_one_of_its_days_is_in_a_spike(self):
        score = Detector()
        # Alarms on 3 to 5, on 20 and on 40; spikes on 5 to 6, on 30 and on 40.
        missed, false = score.add({3, 4, 5, 20, 40}, [(5, 6), (30, 30), (40, 40)], judged=365)
        self.assertEqual((missed, false), ([(30, 30)], 1))
        self.assertAlmostEqual(score.episode_precision(), 2 / 3)
        self.assertAlmostEqual(score.episode_recall(), 2 / 3)
        self.assertAlmostEqual(score.episode_f1(), 2 / 3)
        self.assertEqual((score.precision(), score.recall()), (2 / 5, 2 / 4))
        self.assertAlmostEqual(score.first_day(), 2 / 3)
        self.assertAlmostEqual(score.false_a_year(), 365.25 / 365)

    def test_series_add_up(self):
        score = Detector()
        score.add({1}, [(1, 1)], judged=10)
        score.add(set(), [(1, 1)], judged=10)
        self.assertEqual((score.episode_precision(), score.episode_recall()), (1, 0.5))
        self.assertAlmostEqual(score.episode_f1(), harmonic(1, 0.5))

    def test_without_an_alarm_there_is_no_precision(self):
        self.assertTrue(math.isnan(Detector().episode_precision()))


class TestForecast(unittest.TestCase):
    def test_errors_are_shares_of_the_actual_costs(self):
        score = Forecast()
        score.add(5, actual=100, forecast=90, band=(80, 95))
        score.add(5, actual=200, forecast=260, band=(190, 210))
        score.add(5, actual=0, forecast=1, band=(0, 1))
        self.assertAlmostEqual(score.median(5), 0.2)
        self.assertEqual(score.in_band(), 0.5, "a month without costs does not count")

    def test_only_whole_months_are_forecast(self):
        days = [date(2026, 1, 20) + timedelta(days=at) for at in range(60)]
        self.assertEqual(months(days), {(2026, 2): range(12, 40)})


class TestSimpleRules(unittest.TestCase):
    def test_each_rule_finds_a_spike_and_nothing_else(self):
        amounts = [10.0, 11.0] * 30
        amounts[45] = 30.0
        for name, rule in simple.DETECTORS.items():
            self.assertEqual(rule(amounts, 5.0), {45}, name)
            self.assertEqual(rule(amounts, 25.0), set(), f"{name}: the floor is higher")

    def test_forecasts_of_a_steady_month_are_exact(self):
        amounts = [2.0] * 40
        for name, rule in simple.FORECASTS.items():
            self.assertAlmostEqual(rule(amounts, range(5, 35), 10), 60.0, msg=name)

    def test_last_week_again_repeats_the_weekdays(self):
        amounts = [float(at % 7) for at in range(42)]
        self.assertEqual(simple.last_week_again(amounts, range(7, 35), 7), sum(amounts[7:35]))


if __name__ == "__main__":
    unittest.main()
